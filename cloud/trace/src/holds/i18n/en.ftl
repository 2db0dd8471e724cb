holds-scope = Scope
holds-code = Reason code
holds-code-none = None: as typed beside
holds-owner = Responsible
holds-owner-me = Whoever places it
holds-notes = Notes
holds-look = Show what will be held
holds-look-title = This will be held
holds-told = Every plant of the organisation is told at once, and everybody who may see holds there.
holds-back = Back
holds-states = States
holds-release-why = Why it is released
holds-plants = Plants
holds-plants-none = No plant is connected yet.
holds-plant-has = Has it
holds-plant-lacks = Does not have it yet
holds-plant-seen = last heard of
holds-acts = Done before the plant had the hold
holds-acts-lead = What was packed, used, installed or sent away between the hold and its arrival at the plant.
holds-acts-none = Nothing so far. What an offline plant did is listed when it is back.
holds-class = How it stands
holds-class-gap = Before the plant had the hold
holds-class-earlier = By the clocks before the hold, or after it was free
holds-class-overridden = A supervisor let it be done
holds-class-violated = Although the plant had the hold
holds-all = All
holds-late = Came in later
holds-members-none = No units here.
holds-how = How it came in
holds-cause-scope = Named
holds-cause-lot = Of the lot
holds-cause-content = In a package that was named
holds-cause-made = Made from
holds-cause-inside = Package with it inside
holds-cause-kept = Held at a plant before the restore
holds-left = Free again
holds-past-hold-place = Placed
holds-past-hold-grow = More came in
holds-past-hold-cut = Further entries are left out here; the audit has all of them
holds-past-hold-release = Released
holds-wrong-nothing = Say what is to be held: a UID, a lot or a scope.
error-hold-notes = Notes may have up to 2,000 characters.
error-hold-owner = Choose a person of your organisation.
trace-exception-hold-gap = Used before the plant had the hold
trace-exception-hold-recovered = A hold that only plants still had after a restore
trace-exception-hold-violated = Used although the plant had the hold
notice-group-hold = Holds
notice-hold-grew = More came under the hold “{ $reason }” ({ $labels ->
    [one] { $labels } label
   *[other] { $labels } labels
}).
notice-hold-gap = Used before the plant had the hold “{ $reason }”: { $labels ->
    [one] once
   *[other] { $labels } times
}.
notice-hold-violated = Used although the plant had the hold “{ $reason }”: { $labels ->
    [one] once
   *[other] { $labels } times
}.
notice-kind-hold-grew = More came under a hold
notice-kind-hold-gap = Held units were used before the plant knew
notice-kind-hold-violated = Held units were used all the same
holds-units = { $count ->
    [one] { $count } unit
   *[other] { $count } units
}
holds-deliveries = { $count ->
    [one] It came in { $count } delivery:
   *[other] It came in { $count } deliveries:
}
holds-deliveries-default = All of them will be held, and those still to come.
holds-deliveries-all = All of them are held, and those still to come.
holds-deliveries-one = Of them the named one alone is held.
holds-deliveries-take = All deliveries
holds-asked = What was asked
holds-asked-label = the unit
holds-asked-lot = the lot
holds-asked-scope = the units of
holds-asked-recall = the recall
holds-asked-recovered = what plants still held after a restore:
holds-asked-deliveries = { $count ->
    [one] { $count } delivery
   *[other] { $count } deliveries
}
holds-asked-delivery = this delivery alone
holds-asked-made = With everything made of it, now and later
holds-asked-not-made = Without what is made of it
holds-sure = This is the hold of recall { $number }, which is in force. Released, what was recalled can be used, packed and sent away again at once at every plant.
holds-sure-freed = Set free
holds-sure-release = Release it although { $number } is in force
error-hold-of_recall = This is the hold of a recall in force. Say the number of that recall to release it all the same.
