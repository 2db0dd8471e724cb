nav-suspects = संदिग्ध
permission-scope-read = संदिग्ध खोजना, दायरे देखना
permission-scope-write = दायरे रखना और हटाना
scope-title = संदिग्ध
scope-lead = किन इकाइयों के साथ क्या हुआ: किसी समय मशीन से गुज़रीं, माप सीमा से बाहर रहा, किसी ने संभाला, कोई लॉट उनमें है।
scope-conditions = शर्तें
scope-other-hint = ये शर्तें इस फ़ॉर्म से गहरी हैं।
scope-anew = नए सिरे से
scope-mode = इकाई तब मिलती है जब
scope-mode-all = सभी शर्तें पूरी हों
scope-mode-any = कोई एक शर्त पूरी हो
scope-not = नहीं: जिन पर यह लागू नहीं
scope-remove = शर्त हटाएँ
scope-add = शर्त जोड़ें
scope-find = इकाइयाँ खोजें
scope-clock-hint = समय उस संयंत्र की घड़ी के अनुसार है जहाँ यह हुआ।
scope-whatever = कोई भी
scope-kind-passed = मशीन या स्टेशन से गुज़री
scope-kind-reading = ऐसा माप था
scope-kind-handled = किसी व्यक्ति ने संभाला
scope-kind-contains = इसमें लॉट या पुर्ज़ा है
scope-kind-document = दस्तावेज़ या ग्राहक के साथ दर्ज
scope-kind-done = इसके साथ कुछ किया गया
scope-kind-item = वस्तु और स्थिति
scope-hint-passed = दो समयों के बीच। जो पूरे समय अंदर थी, जैसे भट्टी में, वह भी गिनी जाती है।
scope-hint-reading = लोड के माप उसके हर सदस्य के माप हैं।
scope-hint-handled = व्यक्ति की आईडी, जैसी घटनाओं में है।
scope-hint-contains = एक भरें: UID या सीरियल, आपूर्तिकर्ता लॉट, या लॉट आईडी। वह जिस-जिस में गया, सब मिलता है।
scope-hint-document = दस्तावेज़ संख्या, जैसे माल रसीद, या ग्राहक।
scope-hint-done = एक घटना जो सब भरी बातों से मेल खाए: असफल निरीक्षण, किसी दिन की पाली।
scope-hint-item = जैसी अभी है।
scope-field-machine = मशीन
scope-field-station = स्टेशन
scope-field-operation = प्रक्रिया
scope-field-plant = संयंत्र
scope-field-from = से
scope-field-to = तक
scope-field-name = माप
scope-field-how = सीमाएँ
scope-field-low = निचली सीमा
scope-field-high = ऊपरी सीमा
scope-field-operator = व्यक्ति
scope-field-uid = UID या सीरियल
scope-field-supplier_lot = आपूर्तिकर्ता लॉट या हीट
scope-field-supplier = आपूर्तिकर्ता
scope-field-lot = लॉट आईडी
scope-field-document = दस्तावेज़ संख्या
scope-field-document_type = दस्तावेज़ प्रकार
scope-field-customer = ग्राहक
scope-field-stage = चरण
scope-field-outcome = परिणाम
scope-field-reason = कारण
scope-field-shift = पाली
scope-field-produced_from = उत्पादन तिथि से
scope-field-produced_to = उत्पादन तिथि तक
scope-field-item = वस्तु
scope-field-life = जीवन
scope-field-quality = गुणवत्ता
scope-field-custody = कहाँ
scope-how-limits = अपनी सीमाओं से बाहर
scope-how-outside = नीचे की सीमाओं से बाहर
scope-how-inside = नीचे की सीमाओं के भीतर
scope-found = { $count ->
    [one] { $count } इकाई
   *[other] { $count } इकाइयाँ
 }
scope-found-more = { $count ->
    [one] कम से कम { $count } इकाई
   *[other] कम से कम { $count } इकाइयाँ
 }
scope-looked-back = ये { $at } के बाद की घटनाओं से हैं।
scope-more-hint = और भी हो सकती हैं। गिनने के लिए समय घटाएँ; दायरे के रूप में हमेशा सभी सहेजी जाती हैं, और जहाँ इसमें अधिक समय लगे वहाँ काम पीछे चलता रहता है।
scope-none = कोई इकाई नहीं मिली। समय बढ़ाएँ या एक शर्त घटाएँ।
scope-unknown = { $field } “{ $value }”: आपकी किसी घटना में इसका नाम नहीं है।
scope-unknown-unit = { $field } “{ $value }”: आपकी कोई इकाई इसकी नहीं है।
scope-name = नाम
scope-keep = दायरे के रूप में सहेजें
scope-hold = इन्हें रोकें
scope-recall = रिकॉल शुरू करें
scope-units = इकाइयाँ
scope-state = स्थिति
scope-groups-cut = केवल 200 सबसे बड़े समूह दिखाए गए हैं।
scope-list-title = दायरे
scope-list-lead = खोजी और रखी गई इकाइयाँ, जैसी उस समय मिली थीं।
scope-list-none = अभी कोई नहीं। संदिग्ध खोजें और दायरे के रूप में सहेजें: फिर उन्हें रोका या रिकॉल किया जा सकता है।
scope-state-saving = सहेजा जा रहा है
scope-state-stopped = रोका गया
scope-state-failed = सहेजा नहीं गया
scope-saving-search = पूछी गई शर्तें
scope-saving-write = लिखी गई इकाइयाँ
scope-unfinished-hint = जब तक इसकी सभी इकाइयाँ लिखी न जाएँ, इसे रोका, वापस बुलाया या सूचीबद्ध नहीं किया जा सकता। आप यह पृष्ठ छोड़ सकते हैं: काम चलता रहता है।
scope-stop = रोकें
scope-go-on = आगे बढ़ाएँ
scope-kept = रखा गया
scope-again = फिर पूछें और तुलना करें
scope-change = शर्तें बदलें
scope-delete = हटाएँ
scope-compared = अभी से तुलना
scope-same = { $count ->
    [one] { $count } इकाई दोनों में है
   *[other] { $count } इकाइयाँ दोनों में हैं
 }
scope-new = { $count ->
    [one] { $count } नई इकाई अब मिलती है
   *[other] { $count } नई इकाइयाँ अब मिलती हैं
 }
scope-gone = { $count ->
    [one] { $count } इकाई अब नहीं मिलती
   *[other] { $count } इकाइयाँ अब नहीं मिलतीं
 }
scope-too-many = इस शर्त से { $most } से अधिक इकाइयाँ मिलती हैं। वस्तु, मशीन या छोटा समय बताएँ।
scope-wrong-node = शर्त एक सदस्य वाला ऑब्जेक्ट है: all, any, not, event, reading, contains या is।
scope-wrong-kind = “{ $value }” कोई शर्त नहीं। ये हैं: all, any, not, event, reading, contains, is।
scope-wrong-list = इसमें कम से कम एक शर्त चाहिए।
scope-wrong-fields = शर्त के खानों वाला ऑब्जेक्ट चाहिए।
scope-wrong-nodes = { $value } से अधिक शर्तें।
scope-wrong-deep = शर्तें { $value } स्तरों से गहरी हैं।
scope-wrong-text = यह पाठ होना चाहिए।
scope-wrong-long = यह { $value } अक्षरों तक का पाठ होना चाहिए।
scope-wrong-choice = यह इनमें से एक हो: { $value }।
scope-wrong-moment = “{ $value }” समय नहीं है, जैसे 2025-01-20T06:00 या 2025-01-20T06:00:00+05:30।
scope-wrong-date = “{ $value }” तिथि नहीं है, जैसे 2025-01-20।
scope-wrong-number = “{ $value }” छह दशमलव तक की संख्या नहीं है।
scope-wrong-flag = यह true या false हो।
scope-wrong-turned = अंत शुरुआत से पहले है।
scope-wrong-limits-turned = ऊपरी सीमा निचली से कम है।
scope-wrong-unknown = ऐसा खाना नहीं है। ये हैं: { $value }।
scope-wrong-empty = कुछ भरें।
scope-wrong-name = माप का नाम बताएँ।
scope-wrong-limits = बाहर बताएँ, या निचली या ऊपरी सीमा दें।
scope-wrong-lot = “{ $value }” लॉट की आईडी नहीं है।
scope-wrong-one-of = इनमें से ठीक एक भरें: { $value }।
scope-wrong-beside-document = प्रकार के साथ दस्तावेज़ संख्या चाहिए।
scope-wrong-document-or-customer = दस्तावेज़ या ग्राहक भरें, दोनों नहीं।
scope-wrong-beside-supplier-lot = आपूर्तिकर्ता के साथ उसका लॉट चाहिए।
scope-wrong-uid = “{ $value }” से कुछ ज्ञात नहीं।
scope-wrong-ambiguous = “{ $value }” कई इकाइयों का है; UID दें।
scope-wrong-not-alone = “नहीं” केवल इकाइयाँ छोड़ता है। इसके साथ “सभी” में ऐसी शर्त जोड़ें जो बताए किन में से: मशीन, लॉट, वस्तु।
scope-wrong-event-alone = केवल यह सब कुछ खंगालेगा। मशीन, स्टेशन, व्यक्ति, कारण, दस्तावेज़, या समय के दोनों सिरे जोड़ें।
scope-wrong-is-alone = केवल यह सब कुछ खंगालेगा। वस्तु या साथ में दूसरी शर्त जोड़ें।
error-scope-criteria = शर्तें अभी ठीक नहीं हैं।
error-scope-too_many = बहुत अधिक इकाइयाँ मिलती हैं। वस्तु, मशीन या छोटा समय बताएँ।
error-scope-too_slow = बहुत समय लगा। मशीन, छोटा समय या वस्तु बताएँ।
error-scope-name = 200 अक्षरों तक का नाम चाहिए।
error-scope-empty = कोई इकाई नहीं मिलती, इसलिए रखने को कुछ नहीं।
error-scope-others = यह दायरा किसी और ने बनाया; इसके लिए हर संयंत्र पर अधिकार चाहिए।
error-scope-unfinished = यह दायरा पूरा नहीं है: वह अभी सहेजा जा रहा है, रोका गया था, या विफल हुआ। उसका पृष्ठ दिखाता है कि वह कहाँ तक पहुँचा है।
error-scope-state = दायरा जिस स्थिति में है, वह इसकी अनुमति नहीं देती।
scope-group = शर्तों का समूह
scope-group-mode = यह तब मिलता है जब
scope-group-add = इस समूह में जोड़ें
scope-group-remove = समूह हटाएँ
scope-field-taken = जिन लेबलों से केवल कुछ लिया गया
scope-taken-tick = वे लेबल भी गिनें जिनसे वहाँ केवल कुछ लिया गया
scope-taken-too = भी गिने जाते हैं
scope-taken-hint = जैसे वह कॉइल जिससे पुर्ज़े काटे गए: वह आगे चली गई और संदिग्ध नहीं है। इन्हें भी गिनने के लिए शर्त में निशान लगाएँ; जो गिना जाता है, वही सहेजा या रोका जाता है।
scope-taken-unknown = जिन लेबलों से केवल कुछ लिया गया और जो गिने नहीं गए, वे कितने हैं, यह अभी पता नहीं: उन्हें ढूँढने में बहुत समय लगा। फिर से पूछें, या कोई मशीन या कम समय बताएँ।
scope-taken-out = { $count ->
    [one] { $count } लेबल, जिससे केवल कुछ लिया गया, नहीं गिना गया
   *[other] { $count } लेबल, जिनसे केवल कुछ लिया गया, नहीं गिने गए
}
