files-title = ఫైళ్లు
files-empty = ఇంకా ఫైళ్లు లేవు.
files-empty-hint = డ్రాయింగ్‌లు, ధృవపత్రాలు, ఫోటోలు: ఇక్కడ వదలండి, లేదా ఎంచుకోండి.
files-add = ఫైళ్లు చేర్చండి
files-choose = ఫైళ్లు ఎంచుకోండి
files-drop = లేదా ఇక్కడ వదలండి
files-most = ఒక్కొక్కటి { $most } వరకు.
files-send = పంపండి
files-sending = పంపుతోంది…
files-version = వెర్షన్ { $n }
files-versions = { $count ->
    [one] మునుపటి { $count } వెర్షన్
   *[other] మునుపటి { $count } వెర్షన్‌లు
}
files-replace = కొత్త వెర్షన్
files-delete = తొలగించండి
files-restore = తిరిగి తెండి
files-deleted = { $count ->
    [one] తొలగించిన { $count } ఫైలు
   *[other] తొలగించిన { $count } ఫైళ్లు
}
files-by = { $name }, { $at }
files-back = వెనుకకు
files-download = { $name } డౌన్‌లోడ్ చేయండి
files-wrong-empty = ఈ ఫైలులో ఏమీ లేదు. వేరేది ఎంచుకోండి.
files-wrong-name = ఈ ఫైలు పేరు ఉంచలేము. పేరు మార్చి మళ్లీ పంపండి.
files-wrong-large = ఈ ఫైలు { $most } కంటే పెద్దది. చిన్నది చేయండి లేదా విభజించండి.
files-wrong-quota = సంస్థ ఫైళ్లు { $most } దాటుతాయి. కొన్ని తొలగించండి, లేదా మరింత స్థలం అడగండి.
files-wrong-kind = ఇది { $kind }, అలాంటివి తీసుకోబడవు. తప్పనిసరి అయితే zip లో పెట్టండి.
files-wrong-sending = ఫైలు పూర్తిగా రాలేదు. మళ్లీ పంపండి.
files-wrong-none = ఏ ఫైలూ రాలేదు. ముందు ఒకటి ఎంచుకోండి.
files-wrong-many = ఒకేసారి గరిష్ఠంగా { $most } ఫైళ్లు: మిగిలినవి తీసుకోలేదు.
files-wrong-stale = ఈలోగా మరొకరు ఈ ఫైలును మార్చారు. మళ్లీ చూడండి.
error-files-off = ఈ సర్వర్‌లో ఫైళ్లు ఏర్పాటు కాలేదు.
error-files-store = ఫైళ్లు ఉండే చోటు స్పందించడం లేదు. కాసేపటికి మళ్లీ ప్రయత్నించండి.
error-files-empty = ఈ ఫైలులో ఏమీ లేదు.
error-files-name = ఈ ఫైలు పేరు ఉంచలేము.
error-files-too_large = ఈ ఫైలు చాలా పెద్దది.
error-files-quota = మరిన్ని ఫైళ్లకు స్థలం లేదు.
error-files-kind = ఇలాంటి ఫైళ్లు తీసుకోబడవు.
error-files-sending = ఫైలు పూర్తిగా రాలేదు.
