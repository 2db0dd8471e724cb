app-name = Tracewright
shell-skip = Skip to content
shell-menu = Menu
shell-nav = Main navigation
shell-search = Search
shell-search-hint = UID, lot, document …
shell-language = Language
shell-theme = Light or dark
shell-notices = Notices
shell-account = Account
shell-signed-in = Signed in as { $name }
shell-tenant = Organisation
shell-my-account = My account
shell-signout = Sign out
shell-print-note = Printed from Tracewright
shell-offline = The server did not answer. Check your connection and try again.
shell-close = Close
scope-read = Read
scope-write = Write
scope-admin = Administer

signin-title = Sign in
signin-lead = Sign in to your organisation.
signin-key = Access key
signin-key-hint = Begins with twk_. Ask your administrator for one.
signin-submit = Sign in
signin-failed = This key is not valid. It may have been mistyped, revoked, or has expired.
signin-email = E-mail
signin-password = Password
signin-forgotten = Forgotten? Ask your administrator for a new link.
signin-forgot = Forgotten your password?
signin-by-key = Use an access key instead
signin-submit-key = Sign in with the key
signin-failed-password = E-mail or password are not right.
signin-wait = { $count ->
    [one] Too many tries. Wait a minute, then try again.
   *[other] Too many tries. Wait { $count } minutes, then try again.
 }
signin-once-title = One click to go
signin-once-lead = This link signs this browser in, once.
signin-once-submit = Sign in to Tracewright
signin-once-failed = This link is not valid any more. Links work once, for 10 minutes.
signin-once-again = Ask for a new link, or sign in with an access key.
signin-tagline = Every unit, its whole story.

error-title = Something is not right
error-back = Back to the start
error-retry = Try again
error-id = Request
error-auth-required = Please sign in.
error-auth-invalid = The access key is not valid.
error-auth-forbidden = Your access does not allow this.
error-auth-no_person = This is for people; an access key has no account.
error-auth-cross_site = The request came from another site and was refused.
error-not_found = There is nothing here, or it is not yours to see.
error-request-method = This address does not take such a request.
error-request-too_large = What was sent is too large.
error-request-invalid = The request could not be read.
error-request-timeout = What was sent did not arrive in time. Please send it again.
error-request-media_type = What was sent is of a kind that is not taken here.
error-request-malformed = What was sent is not valid JSON.
error-conflict-exists = There is one with this key already.
error-conflict-stale = Somebody else changed this meanwhile. Load it again.
error-busy = The system is busy. Please try again in a moment.
error-tenant-away = The database of your organisation cannot be reached just now. Nothing is lost; please try again in a few minutes.
error-tenant-moving = Your organisation is being moved to another database, and can only be read for a short while. Please try again in a minute.
error-tenant-suspended = Your organisation is suspended. Nobody can sign in, and nothing is lost. Please ask whoever runs this system.
error-timeout = This took too long and was given up. Please try again later.
error-limit-caller = You sent too many requests. Please go on in a moment.
error-limit-address = Too many requests came from your network. Please go on in a moment.
error-internal = Something went wrong on our side. It has been recorded.

month-1 = Jan
month-2 = Feb
month-3 = Mar
month-4 = Apr
month-5 = May
month-6 = Jun
month-7 = Jul
month-8 = Aug
month-9 = Sep
month-10 = Oct
month-11 = Nov
month-12 = Dec
ago-now = just now
ago-minutes = { $count } min ago
ago-hours = { $count } h ago
ago-days = { $count ->
    [one] { $count } day ago
   *[other] { $count } days ago
 }
error-auth-all_plants = You have this right at some plants. This concerns all of them.
error-auth-plant = You may not do this at the plant { $plant }.
error-auth-lacks = It takes the right “{ $right }”.
error-auth-amount = { $right }: you may up to { $limit }; this is { $amount }. Somebody with a higher limit has to.
error-auth-amount-currency = { $right }: you may up to { $limit }, and this is { $amount } in another currency. Somebody without a limit has to.
error-hold-elsewhere = The hold stands on units of other plants too, where you may not release.
error-masters-other_plant = This belongs to other plants too, where you may not change it.
error-token-grant = Say grant_type=client_credentials or grant_type=refresh_token.
error-token-key = The access key is not valid.
error-token-refresh = The refresh token is not valid any more. Sign in by the access key.
error-token-reused = The refresh token came a second time. All tokens of this sign-in are void; sign in by the access key.
shell-plant = Plant
shell-plants-all = All
shell-plants-every = All plants
