app-name = Tracewright
shell-skip = నేరుగా ముఖ్య విషయానికి వెళ్లండి
shell-menu = మెనూ
shell-nav = ప్రధాన నావిగేషన్
shell-search = వెతకండి
shell-search-hint = UID, లాట్, పత్రం …
shell-language = భాష
shell-theme = లేత లేదా ముదురు రంగు
shell-notices = నోటీసులు
shell-account = ఖాతా
shell-signed-in = { $name } గా సైన్ ఇన్ అయ్యారు
shell-tenant = సంస్థ
shell-my-account = నా ఖాతా
shell-signout = సైన్ అవుట్
shell-print-note = Tracewright నుండి ముద్రించబడింది
shell-offline = సర్వర్ స్పందించలేదు. మీ కనెక్షన్ చూసి మళ్లీ ప్రయత్నించండి.
shell-close = మూసివేయండి
scope-read = చూడటం
scope-write = మార్చడం
scope-admin = నిర్వహణ

signin-title = సైన్ ఇన్
signin-lead = మీ సంస్థలోకి సైన్ ఇన్ చేయండి.
signin-key = యాక్సెస్ కీ
signin-key-hint = twk_ తో మొదలవుతుంది. మీ నిర్వాహకుడిని అడగండి.
signin-submit = సైన్ ఇన్ చేయండి
signin-failed = ఈ కీ చెల్లదు. తప్పుగా టైప్ చేసి ఉండవచ్చు, రద్దు చేసి ఉండవచ్చు లేదా గడువు ముగిసి ఉండవచ్చు.
signin-email = ఇ-మెయిల్
signin-password = పాస్‌వర్డ్
signin-forgotten = మరచిపోయారా? కొత్త లింక్ కోసం మీ నిర్వాహకుడిని అడగండి.
signin-forgot = పాస్‌వర్డ్ మరచిపోయారా?
signin-by-key = బదులుగా యాక్సెస్ కీ వాడండి
signin-submit-key = కీతో సైన్ ఇన్ చేయండి
signin-failed-password = ఇ-మెయిల్ లేదా పాస్‌వర్డ్ సరిగా లేదు.
signin-wait = { $count ->
    [one] చాలాసార్లు ప్రయత్నించారు. ఒక నిమిషం ఆగి మళ్లీ ప్రయత్నించండి.
   *[other] చాలాసార్లు ప్రయత్నించారు. { $count } నిమిషాలు ఆగి మళ్లీ ప్రయత్నించండి.
 }
signin-once-title = ఇంకా ఒక్క క్లిక్
signin-once-lead = ఈ లింక్ ఈ బ్రౌజర్‌ను ఒక్కసారి సైన్ ఇన్ చేస్తుంది.
signin-once-submit = Tracewright లోకి సైన్ ఇన్ చేయండి
signin-once-failed = ఈ లింక్ ఇక చెల్లదు. లింక్ ఒక్కసారి మాత్రమే, 10 నిమిషాల పాటు పనిచేస్తుంది.
signin-once-again = కొత్త లింక్ అడగండి, లేదా యాక్సెస్ కీతో సైన్ ఇన్ చేయండి.
signin-tagline = ప్రతి యూనిట్ పూర్తి చరిత్ర.

error-title = ఏదో సరిగా లేదు
error-back = ప్రారంభానికి వెళ్లండి
error-retry = మళ్లీ ప్రయత్నించండి
error-id = అభ్యర్థన
error-auth-required = దయచేసి సైన్ ఇన్ చేయండి.
error-auth-invalid = యాక్సెస్ కీ చెల్లదు.
error-auth-forbidden = దీనికి మీకు అనుమతి లేదు.
error-auth-no_person = ఇది వ్యక్తుల కోసం; యాక్సెస్ కీకి ఖాతా ఉండదు.
error-auth-cross_site = అభ్యర్థన వేరే సైట్ నుండి వచ్చింది, అందుకే తిరస్కరించబడింది.
error-not_found = ఇక్కడ ఏమీ లేదు, లేదా దీన్ని చూసే అనుమతి మీకు లేదు.
error-request-method = ఈ చిరునామా ఇలాంటి అభ్యర్థనను స్వీకరించదు.
error-request-too_large = పంపినది చాలా పెద్దదిగా ఉంది.
error-request-invalid = అభ్యర్థనను చదవలేకపోయాం.
error-request-timeout = పంపినది సమయానికి రాలేదు. దయచేసి మళ్ళీ పంపండి.
error-request-media_type = పంపినది ఇక్కడ తీసుకోని రకానికి చెందినది.
error-request-malformed = పంపినది సరైన JSON కాదు.
error-conflict-exists = ఈ కీతో ఇప్పటికే ఒకటి ఉంది.
error-conflict-stale = ఈలోగా వేరొకరు దీన్ని మార్చారు. మళ్లీ తెరవండి.
error-busy = సిస్టమ్ బిజీగా ఉంది. కాసేపట్లో మళ్లీ ప్రయత్నించండి.
error-tenant-away = మీ సంస్థ డేటాబేస్‌ను ప్రస్తుతం చేరుకోలేకపోతున్నాము. ఏదీ పోలేదు; కొన్ని నిమిషాల తర్వాత మళ్లీ ప్రయత్నించండి.
error-tenant-moving = మీ సంస్థను మరో డేటాబేస్‌కు తరలిస్తున్నాము, కొద్దిసేపు చదవడం మాత్రమే వీలవుతుంది. ఒక నిమిషం తర్వాత మళ్లీ ప్రయత్నించండి.
error-tenant-suspended = మీ సంస్థ తాత్కాలికంగా నిలిపివేయబడింది. ఎవరూ సైన్ ఇన్ చేయలేరు, ఏదీ పోలేదు. దయచేసి ఈ వ్యవస్థను నడిపేవారిని అడగండి.
error-timeout = దీనికి చాలా సమయం పట్టింది, అందుకే వదిలేయబడింది. దయచేసి తర్వాత ప్రయత్నించండి.
error-limit-caller = మీరు చాలా ఎక్కువ అభ్యర్థనలు పంపారు. దయచేసి కాసేపట్లో కొనసాగించండి.
error-limit-address = మీ నెట్‌వర్క్ నుండి చాలా ఎక్కువ అభ్యర్థనలు వచ్చాయి. దయచేసి కాసేపట్లో కొనసాగించండి.
error-internal = మా వైపు ఏదో పొరపాటు జరిగింది. అది నమోదు చేయబడింది.

month-1 = జన
month-2 = ఫిబ్ర
month-3 = మార్చి
month-4 = ఏప్రి
month-5 = మే
month-6 = జూన్
month-7 = జులై
month-8 = ఆగ
month-9 = సెప్టెం
month-10 = అక్టో
month-11 = నవం
month-12 = డిసెం
ago-now = ఇప్పుడే
ago-minutes = { $count } నిమిషాల క్రితం
ago-hours = { $count } గంటల క్రితం
ago-days = { $count ->
    [one] { $count } రోజు క్రితం
   *[other] { $count } రోజుల క్రితం
 }
error-auth-all_plants = ఈ హక్కు మీకు కొన్ని ప్లాంట్లలో ఉంది. ఇది అన్ని ప్లాంట్లకు సంబంధించింది.
error-auth-plant = { $plant } ప్లాంట్‌లో మీరు దీన్ని చేయలేరు.
error-auth-lacks = దీనికి ఈ హక్కు కావాలి: “{ $right }”.
error-auth-amount = { $right }: మీ పరిమితి { $limit }; ఇది { $amount }. ఎక్కువ పరిమితి ఉన్నవారు చేయాలి.
error-auth-amount-currency = { $right }: మీ పరిమితి { $limit }, ఇది వేరే కరెన్సీలో { $amount }. పరిమితి లేనివారు చేయాలి.
error-hold-elsewhere = ఈ నిలుపుదల వేరే ప్లాంట్ల యూనిట్లపై కూడా ఉంది, అక్కడ మీరు విడుదల చేయలేరు.
error-masters-other_plant = ఇది వేరే ప్లాంట్లకు కూడా చెందింది, అక్కడ మీరు మార్చలేరు.
error-token-grant = grant_type=client_credentials లేదా grant_type=refresh_token పంపండి.
error-token-key = యాక్సెస్ కీ చెల్లదు.
error-token-refresh = రిఫ్రెష్ టోకెన్ ఇక చెల్లదు. యాక్సెస్ కీతో సైన్ ఇన్ చేయండి.
error-token-reused = రిఫ్రెష్ టోకెన్ రెండోసారి వచ్చింది. ఈ సైన్-ఇన్ టోకెన్లన్నీ రద్దయ్యాయి; యాక్సెస్ కీతో సైన్ ఇన్ చేయండి.
shell-plant = ప్లాంట్
shell-plants-all = అన్నీ
shell-plants-every = అన్ని ప్లాంట్లు
