nav-suspects = అనుమానితాలు
permission-scope-read = అనుమానితాలను వెతకడం, పరిధులు చూడడం
permission-scope-write = పరిధులు ఉంచడం, తొలగించడం
scope-title = అనుమానితాలు
scope-lead = ఏ యూనిట్లకు ఏమి జరిగింది: ఒక సమయంలో యంత్రం గుండా వెళ్లాయి, కొలత పరిమితి దాటింది, ఒకరు పని చేశారు, ఒక లాట్ వాటిలో ఉంది.
scope-conditions = షరతులు
scope-other-hint = ఈ షరతులు ఈ ఫారం చూపగలిగే దానికన్నా లోతైనవి.
scope-anew = కొత్తగా మొదలు
scope-mode = యూనిట్ సరిపోయేది
scope-mode-all = అన్ని షరతులు నెరవేరితే
scope-mode-any = ఒక షరతు నెరవేరితే
scope-not = కాదు: ఇది వర్తించనివి
scope-remove = షరతు తీసివేయండి
scope-add = షరతు చేర్చండి
scope-find = యూనిట్లు వెతకండి
scope-clock-hint = సమయాలు జరిగిన ప్లాంట్ గడియారం ప్రకారం.
scope-whatever = ఏదైనా
scope-kind-passed = యంత్రం లేదా స్టేషన్ గుండా వెళ్లింది
scope-kind-reading = ఇలాంటి కొలత ఉంది
scope-kind-handled = ఒకరు పని చేశారు
scope-kind-contains = లాట్ లేదా భాగం ఉంది
scope-kind-document = పత్రం లేదా కస్టమర్‌తో నమోదు
scope-kind-done = దీనికి ఏదో చేశారు
scope-kind-item = వస్తువు, స్థితి
scope-hint-passed = రెండు సమయాల మధ్య. మొత్తం సమయం లోపల ఉన్నవి, ఉదా. ఓవెన్‌లో, కూడా లెక్కలోకి వస్తాయి.
scope-hint-reading = లోడ్ కొలతలు దాని ప్రతి సభ్యుని కొలతలు.
scope-hint-handled = సంఘటనల్లో ఉన్న వ్యక్తి ఐడి.
scope-hint-contains = ఒకటి నింపండి: UID లేదా సీరియల్, సరఫరాదారు లాట్, లేదా లాట్ ఐడి. అది చేరిన ప్రతిదీ దొరుకుతుంది.
scope-hint-document = పత్రం సంఖ్య, ఉదా. సరుకు రసీదు, లేదా కస్టమర్.
scope-hint-done = నింపిన అన్నిటికీ సరిపోయే ఒక సంఘటన: విఫలమైన తనిఖీ, ఒక రోజు షిఫ్ట్.
scope-hint-item = ఇప్పుడు ఉన్నట్లు.
scope-field-machine = యంత్రం
scope-field-station = స్టేషన్
scope-field-operation = ప్రక్రియ
scope-field-plant = ప్లాంట్
scope-field-from = నుండి
scope-field-to = వరకు
scope-field-name = కొలత
scope-field-how = పరిమితులు
scope-field-low = దిగువ పరిమితి
scope-field-high = ఎగువ పరిమితి
scope-field-operator = వ్యక్తి
scope-field-uid = UID లేదా సీరియల్
scope-field-supplier_lot = సరఫరాదారు లాట్ లేదా హీట్
scope-field-supplier = సరఫరాదారు
scope-field-lot = లాట్ ఐడి
scope-field-document = పత్రం సంఖ్య
scope-field-document_type = పత్రం రకం
scope-field-customer = కస్టమర్
scope-field-stage = దశ
scope-field-outcome = ఫలితం
scope-field-reason = కారణం
scope-field-shift = షిఫ్ట్
scope-field-produced_from = ఉత్పత్తి తేదీ నుండి
scope-field-produced_to = ఉత్పత్తి తేదీ వరకు
scope-field-item = వస్తువు
scope-field-life = జీవితం
scope-field-quality = నాణ్యత
scope-field-custody = ఎక్కడ
scope-how-limits = తన పరిమితులకు బయట
scope-how-outside = కింది పరిమితులకు బయట
scope-how-inside = కింది పరిమితుల లోపల
scope-found = { $count ->
    [one] { $count } యూనిట్
   *[other] { $count } యూనిట్లు
 }
scope-found-more = { $count ->
    [one] కనీసం { $count } యూనిట్
   *[other] కనీసం { $count } యూనిట్లు
 }
scope-looked-back = ఇవి { $at } నుండి జరిగిన వాటివి.
scope-more-hint = ఇంకా ఉండవచ్చు. లెక్కించడానికి సమయం తగ్గించండి; పరిధిగా ఎల్లప్పుడూ అన్నీ భద్రపరచబడతాయి, ఎక్కువ సమయం పడితే పని వెనుక కొనసాగుతుంది.
scope-none = ఏ యూనిట్ సరిపోలేదు. సమయం పెంచండి లేదా ఒక షరతు తగ్గించండి.
scope-unknown = { $field } “{ $value }”: మీ ఏ సంఘటనలోనూ దీని పేరు లేదు.
scope-unknown-unit = { $field } “{ $value }”: మీ ఏ యూనిట్ కూడా దీనికి చెందినది కాదు.
scope-name = పేరు
scope-keep = పరిధిగా భద్రపరచండి
scope-hold = వీటిని నిలపండి
scope-recall = రీకాల్ మొదలుపెట్టండి
scope-units = యూనిట్లు
scope-state = స్థితి
scope-groups-cut = అతిపెద్ద 200 సమూహాలు మాత్రమే చూపబడ్డాయి.
scope-list-title = పరిధులు
scope-list-lead = వెతికి ఉంచిన యూనిట్లు, అప్పుడు దొరికినట్లు.
scope-list-none = ఇంకా లేవు. అనుమానితాలను వెతికి పరిధిగా భద్రపరచండి: తర్వాత నిలపవచ్చు లేదా రీకాల్ చేయవచ్చు.
scope-state-saving = భద్రపరుస్తోంది
scope-state-stopped = ఆపబడింది
scope-state-failed = భద్రపరచబడలేదు
scope-saving-search = అడిగిన షరతులు
scope-saving-write = రాసిన యూనిట్లు
scope-unfinished-hint = దీని అన్ని యూనిట్లు రాసే వరకు దీన్ని నిలుపుదల చేయడం, రీకాల్ చేయడం లేదా జాబితా చేయడం కుదరదు. ఈ పేజీని వదిలి వెళ్లవచ్చు: పని కొనసాగుతుంది.
scope-stop = ఆపు
scope-go-on = కొనసాగించు
scope-kept = ఉంచినది
scope-again = మళ్లీ అడిగి పోల్చండి
scope-change = షరతులు మార్చండి
scope-delete = తొలగించండి
scope-compared = ఇప్పటితో పోలిక
scope-same = { $count ->
    [one] { $count } యూనిట్ రెండింటిలో ఉంది
   *[other] { $count } యూనిట్లు రెండింటిలో ఉన్నాయి
 }
scope-new = { $count ->
    [one] { $count } కొత్త యూనిట్ ఇప్పుడు సరిపోతుంది
   *[other] { $count } కొత్త యూనిట్లు ఇప్పుడు సరిపోతాయి
 }
scope-gone = { $count ->
    [one] { $count } యూనిట్ ఇక సరిపోదు
   *[other] { $count } యూనిట్లు ఇక సరిపోవు
 }
scope-too-many = ఈ షరతుకు { $most } కన్నా ఎక్కువ యూనిట్లు సరిపోతాయి. వస్తువు, యంత్రం లేదా తక్కువ సమయం చెప్పండి.
scope-wrong-node = షరతు ఒక సభ్యుని ఆబ్జెక్ట్: all, any, not, event, reading, contains లేదా is.
scope-wrong-kind = “{ $value }” అనే షరతు లేదు. ఉన్నవి: all, any, not, event, reading, contains, is.
scope-wrong-list = ఇందులో కనీసం ఒక షరతు కావాలి.
scope-wrong-fields = షరతు గడులతో ఆబ్జెక్ట్ కావాలి.
scope-wrong-nodes = { $value } కన్నా ఎక్కువ షరతులు.
scope-wrong-deep = షరతులు { $value } స్థాయిల కన్నా లోతైనవి.
scope-wrong-text = ఇది పాఠ్యం కావాలి.
scope-wrong-long = ఇది { $value } అక్షరాల వరకు పాఠ్యం కావాలి.
scope-wrong-choice = ఇది వీటిలో ఒకటి కావాలి: { $value }.
scope-wrong-moment = “{ $value }” సమయం కాదు, ఉదా. 2025-01-20T06:00 లేదా 2025-01-20T06:00:00+05:30.
scope-wrong-date = “{ $value }” తేదీ కాదు, ఉదా. 2025-01-20.
scope-wrong-number = “{ $value }” ఆరు దశాంశాల వరకు సంఖ్య కాదు.
scope-wrong-flag = ఇది true లేదా false కావాలి.
scope-wrong-turned = ముగింపు ప్రారంభానికి ముందు ఉంది.
scope-wrong-limits-turned = ఎగువ పరిమితి దిగువ దాని కన్నా తక్కువ.
scope-wrong-unknown = అలాంటి గడి లేదు. ఉన్నవి: { $value }.
scope-wrong-empty = ఏదైనా నింపండి.
scope-wrong-name = కొలత పేరు చెప్పండి.
scope-wrong-limits = బయట అని చెప్పండి, లేదా దిగువ లేదా ఎగువ పరిమితి ఇవ్వండి.
scope-wrong-lot = “{ $value }” లాట్ ఐడి కాదు.
scope-wrong-one-of = సరిగ్గా ఒకటి నింపండి: { $value }.
scope-wrong-beside-document = రకంతో పాటు పత్రం సంఖ్య కావాలి.
scope-wrong-document-or-customer = పత్రం లేదా కస్టమర్ నింపండి, రెండూ కాదు.
scope-wrong-beside-supplier-lot = సరఫరాదారుతో పాటు దాని లాట్ కావాలి.
scope-wrong-uid = “{ $value }” గురించి ఏమీ తెలియదు.
scope-wrong-ambiguous = “{ $value }” అనేక యూనిట్లది; UID ఇవ్వండి.
scope-wrong-not-alone = “కాదు” యూనిట్లను వదిలేస్తుంది మాత్రమే. పక్కన “అన్ని”లో ఏ యూనిట్లలో అని చెప్పే షరతు చేర్చండి: యంత్రం, లాట్, వస్తువు.
scope-wrong-event-alone = ఇది మాత్రమే అయితే అన్నిటినీ వెతకాలి. యంత్రం, స్టేషన్, వ్యక్తి, కారణం, పత్రం లేదా సమయం రెండు చివరలు చేర్చండి.
scope-wrong-is-alone = ఇది మాత్రమే అయితే అన్నిటినీ వెతకాలి. వస్తువు లేదా పక్కన మరో షరతు చేర్చండి.
error-scope-criteria = షరతులు ఇంకా సరిగ్గా లేవు.
error-scope-too_many = చాలా ఎక్కువ యూనిట్లు సరిపోతాయి. వస్తువు, యంత్రం లేదా తక్కువ సమయం చెప్పండి.
error-scope-too_slow = చాలా సమయం పట్టింది. యంత్రం, తక్కువ సమయం లేదా వస్తువు చెప్పండి.
error-scope-name = 200 అక్షరాల వరకు పేరు కావాలి.
error-scope-empty = ఏ యూనిట్ సరిపోదు, కాబట్టి ఉంచడానికి ఏమీ లేదు.
error-scope-others = ఈ పరిధిని మరొకరు చేశారు; దీనికి ప్రతి ప్లాంట్‌లో హక్కు కావాలి.
error-scope-unfinished = ఈ పరిధి సంపూర్ణం కాదు: ఇంకా భద్రపరుస్తోంది, ఆపబడింది, లేదా విఫలమైంది. ఎంతవరకు వచ్చిందో దాని పేజీ చూపుతుంది.
error-scope-state = పరిధి ఉన్న స్థితి దీన్ని అనుమతించదు.
scope-group = షరతుల సమూహం
scope-group-mode = సరిపోయేది
scope-group-add = ఈ సమూహంలో చేర్చండి
scope-group-remove = సమూహాన్ని తీసివేయండి
scope-field-taken = కొంత మాత్రమే తీసిన లేబుళ్లు
scope-taken-tick = అక్కడ కొంత మాత్రమే తీసిన లేబుళ్లను కూడా లెక్కించండి
scope-taken-too = కూడా లెక్కించబడతాయి
scope-taken-hint = భాగాలు కత్తిరించిన కాయిల్ వంటివి: అది ముందుకు వెళ్లింది, అనుమానితం కాదు. వీటినీ లెక్కించాలంటే షరతులో టిక్ చేయండి; లెక్కించినవే సేవ్ అవుతాయి లేదా ఆపబడతాయి.
scope-taken-unknown = కొంత మాత్రమే తీసినందున లెక్కించని లేబుళ్లు ఎన్నో ఇంకా తెలియదు: వాటిని వెతకడానికి చాలా సమయం పట్టింది. మళ్లీ అడగండి, లేదా ఒక యంత్రాన్ని లేదా తక్కువ సమయాన్ని చెప్పండి.
scope-taken-out = { $count ->
    [one] కొంత మాత్రమే తీసిన { $count } లేబుల్ లెక్కించబడలేదు
   *[other] కొంత మాత్రమే తీసిన { $count } లేబుళ్లు లెక్కించబడలేదు
}
