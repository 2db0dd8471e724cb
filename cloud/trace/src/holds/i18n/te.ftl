holds-scope = పరిధి
holds-code = కారణ కోడ్
holds-code-none = ఏదీ కాదు: పక్కన రాసినట్టు
holds-owner = బాధ్యులు
holds-owner-me = ఆపే వ్యక్తి
holds-notes = గమనికలు
holds-look = ఏవి ఆపబడతాయో చూపించు
holds-look-title = ఇవి ఆపబడతాయి
holds-told = సంస్థలోని ప్రతి ప్లాంట్‌కు, అక్కడ హోల్డ్‌లు చూడగలిగే అందరికీ వెంటనే తెలియజేస్తారు.
holds-back = వెనక్కి
holds-states = స్థితులు
holds-release-why = ఎందుకు విడుదల చేస్తున్నారు
holds-plants = ప్లాంట్లు
holds-plants-none = ఇంకా ఏ ప్లాంట్ అనుసంధానం కాలేదు.
holds-plant-has = అందింది
holds-plant-lacks = ఇంకా అందలేదు
holds-plant-seen = చివరి సంప్రదింపు
holds-acts = ప్లాంట్‌కు హోల్డ్ అందకముందు చేసినవి
holds-acts-lead = హోల్డ్ పెట్టి అది ప్లాంట్‌కు చేరేలోపు ప్యాక్ చేసిన, వాడిన, అమర్చిన లేదా పంపినవి.
holds-acts-none = ఇప్పటివరకు ఏమీ లేదు. ఆఫ్‌లైన్ ప్లాంట్ చేసినవి అది తిరిగి వచ్చాక చూపబడతాయి.
holds-class = పరిస్థితి
holds-class-gap = ప్లాంట్‌కు హోల్డ్ అందకముందు
holds-class-earlier = గడియారాల ప్రకారం హోల్డ్‌కు ముందు, లేదా విడుదలైన తర్వాత
holds-class-overridden = సూపర్‌వైజర్ అనుమతించారు
holds-class-violated = ప్లాంట్‌కు హోల్డ్ ఉన్నప్పటికీ
holds-all = అన్నీ
holds-late = తర్వాత చేరినవి
holds-members-none = ఇక్కడ యూనిట్లు లేవు.
holds-how = ఎలా చేరింది
holds-cause-scope = పేర్కొన్నది
holds-cause-lot = లాట్‌కు చెందినది
holds-cause-content = పేర్కొన్న ప్యాకేజీ లోపల
holds-cause-made = దీని నుంచి తయారైంది
holds-cause-inside = ఇది ఉన్న ప్యాకేజీ
holds-cause-kept = పునరుద్ధరణకు ముందు ప్లాంట్‌లో నిలిపినది
holds-left = మళ్లీ విడుదలైంది
holds-past-hold-place = ఆపబడింది
holds-past-hold-grow = మరిన్ని చేరాయి
holds-past-hold-cut = ఇక్కడ మరిన్ని నమోదులు వదిలివేశారు; ఆడిట్‌లో అన్నీ ఉన్నాయి
holds-past-hold-release = విడుదలైంది
holds-wrong-nothing = దేనికి నిలుపుదల పెట్టాలో చెప్పండి: UID, లాట్ లేదా పరిధి.
error-hold-notes = గమనికలు 2,000 అక్షరాల వరకు ఉండవచ్చు.
error-hold-owner = మీ సంస్థకు చెందిన వ్యక్తిని ఎంచుకోండి.
trace-exception-hold-gap = ప్లాంట్‌కు హోల్డ్ అందకముందు వాడారు
trace-exception-hold-recovered = పునరుద్ధరణ తర్వాత ప్లాంట్ల వద్ద మాత్రమే మిగిలిన హోల్డ్
trace-exception-hold-violated = ప్లాంట్‌కు హోల్డ్ ఉన్నా వాడారు
notice-group-hold = నిలుపుదలలు
notice-hold-grew = హోల్డ్ “{ $reason }” కింద మరిన్ని చేరాయి ({ $labels ->
    [one] { $labels } లేబుల్
   *[other] { $labels } లేబుళ్లు
}).
notice-hold-gap = ప్లాంట్‌కు హోల్డ్ “{ $reason }” అందకముందు వాడారు: { $labels ->
    [one] ఒకసారి
   *[other] { $labels } సార్లు
}.
notice-hold-violated = ప్లాంట్‌కు హోల్డ్ “{ $reason }” ఉన్నా వాడారు: { $labels ->
    [one] ఒకసారి
   *[other] { $labels } సార్లు
}.
notice-kind-hold-grew = హోల్డ్ కింద మరిన్ని చేరాయి
notice-kind-hold-gap = ప్లాంట్‌కు తెలియకముందు ఆపిన యూనిట్లు వాడారు
notice-kind-hold-violated = ఆపిన యూనిట్లను అయినా వాడారు
holds-units = { $count ->
    [one] { $count } యూనిట్
   *[other] { $count } యూనిట్లు
}
holds-deliveries = { $count ->
    [one] ఇది { $count } సరఫరాలో వచ్చింది:
   *[other] ఇది { $count } సరఫరాలలో వచ్చింది:
}
holds-deliveries-default = అన్నీ ఆపబడతాయి, ఇకపై వచ్చేవి కూడా.
holds-deliveries-all = అన్నీ ఆపబడ్డాయి, ఇకపై వచ్చేవి కూడా ఆపబడతాయి.
holds-deliveries-one = వాటిలో పేర్కొన్నది మాత్రమే ఆపబడుతుంది.
holds-deliveries-take = అన్ని సరఫరాలు
holds-asked = ఏమి అడిగారు
holds-asked-label = యూనిట్
holds-asked-lot = లాట్
holds-asked-scope = ఈ ఎంపికలోని యూనిట్లు:
holds-asked-recall = రీకాల్
holds-asked-recovered = పునరుద్ధరణ తర్వాత కూడా ప్లాంట్‌లో ఆపి ఉంచినవి:
holds-asked-deliveries = { $count ->
    [one] { $count } డెలివరీ
   *[other] { $count } డెలివరీలు
}
holds-asked-delivery = ఈ డెలివరీ మాత్రమే
holds-asked-made = దీనితో తయారైన అన్నిటితో సహా, ఇప్పుడూ తరువాతా
holds-asked-not-made = దీనితో తయారైనవి కాకుండా
holds-sure = ఇది అమల్లో ఉన్న రీకాల్ { $number } హోల్డ్. విడుదల చేస్తే వెనక్కి పిలిచిన సరుకును ప్రతి ప్లాంట్‌లో వెంటనే మళ్లీ వాడవచ్చు, ప్యాక్ చేయవచ్చు, పంపవచ్చు.
holds-sure-freed = విడుదలయ్యేవి
holds-sure-release = { $number } అమల్లో ఉన్నా విడుదల చేయండి
error-hold-of_recall = ఇది అమల్లో ఉన్న రీకాల్ హోల్డ్. అయినా విడుదల చేయాలంటే ఆ రీకాల్ నంబరు చెప్పండి.
