nav-recalls = रिकॉल
permission-recall-read = रिकॉल और अभ्यास देखें
permission-recall-manage = रिकॉल शुरू करें, उत्तर दर्ज करें, अभ्यास चलाएँ
permission-recall-activate = रिकॉल लागू करें और बंद करें
notice-group-recall = रिकॉल
notice-recall-activated = रिकॉल { $number } लागू है: { $reason } ({ $labels ->
    [one] { $labels } लेबल
   *[other] { $labels } लेबल
})।
notice-recall-activated-subject = रिकॉल { $number }
notice-recall-closed = रिकॉल { $number } बंद हुआ: { $reason } ({ $labels ->
    [one] { $labels } लेबल
   *[other] { $labels } लेबल
})।
notice-recall-in-force = रिकॉल { $number } स्वीकृत हुआ और अब लागू है: { $reason }
notice-recall-in-force-subject = रिकॉल { $number } लागू है
notice-recall-held-up = रिकॉल { $number } स्वीकृत हुआ, पर अपने-आप लागू नहीं हो सका: { $reason }। उसे उसके पृष्ठ पर लागू करें।
notice-recall-held-up-subject = रिकॉल { $number } आपकी प्रतीक्षा में है
notice-kind-recall-activated = कोई रिकॉल लागू हुआ
notice-kind-recall-closed = कोई रिकॉल बंद हुआ
notice-kind-recall-in-force = स्वीकृत रिकॉल अपने-आप लागू हुआ
notice-kind-recall-held-up = स्वीकृत रिकॉल लागू नहीं हो सका
recalls-letter-subject = { $tenant } की ओर से उत्पाद रिकॉल { $number }
recalls-letter-plain-subject = { $tenant } की ओर से उत्पाद रिकॉल { $number }
error-recall-fields = कुछ क्षेत्र ठीक नहीं हैं।
error-recall-state = रिकॉल की स्थिति इसकी अनुमति नहीं देती। पृष्ठ फिर से खोलें।
error-recall-approval = इसका अनुमोदन माँगा गया है या मिल चुका है: वह पूरा होने तक यह ऐसा ही रहेगा। अनुमोदन के पृष्ठ पर वापस लें या रिकॉल छोड़ दें।
error-recall-stale = इस बीच किसी और ने यह रिकॉल बदला है। पृष्ठ फिर से खोलें और दोबारा बदलें।
error-recall-unknown = जिसे वापस बुलाना है, उसके बारे में कुछ ज्ञात नहीं।
error-recall-too_many = दायरे में 2,00,000 से अधिक लेबल हैं। इसे कई रिकॉल में बाँटें।
error-recall-empty = इसमें कोई इकाई नहीं है।
recalls-title = रिकॉल
recalls-lead = क्या वापस बुलाया गया, किसके पास है, उन्होंने क्या उत्तर दिया, और कितने का हिसाब मिला।
recalls-filter = छाँटें
recalls-tabs = रिकॉल के भाग
recalls-new = नया रिकॉल
recalls-new-drill = नया अभ्यास
recalls-new-lead = यह मसौदे के रूप में शुरू होता है, जिसमें सब कुछ कहाँ है यह दर्ज होता है। लागू होने तक न कुछ रोका जाता है, न किसी को बताया जाता है।
recalls-new-drill-lead = अभ्यास का समय मापा जाता है और वह कुछ नहीं छूता: न स्टॉक, न रोक, न ग्राहक।
recalls-none = कोई रिकॉल नहीं है। ट्रेस में इकाइयाँ खोजें या संदिग्धों का दायरा रखें और वहीं से शुरू करें। पहले अभ्यास करके देखें।
recalls-none-drill = अभी कोई अभ्यास नहीं हुआ। अभ्यास दिखाता है कि हर इकाई खोजने में कितना समय लगता है, और कुछ नहीं छूता।
recalls-all = सभी
recalls-number = संख्या
recalls-state = स्थिति
recalls-severity = गंभीरता
recalls-what = क्या वापस बुलाया
recalls-labels = लेबल
recalls-begun = शुरू
recalls-target = लक्ष्य तिथि
recalls-found-in = सब मिला, समय
recalls-took = आरंभ से अंत
recalls-older = पुराने
recalls-more = और
recalls-back = वापस
recalls-millis = { $ms } मि.से.
recalls-seconds = { $s } से.
recalls-minutes = { $m } मिनट
recalls-hours = { $h } घंटे
recalls-uid = UID या कोड
recalls-whole-lot = इसका पूरा लॉट
recalls-delivery-only = लॉट की सिर्फ़ यही खेप
recalls-from-lot = लॉट
recalls-deliveries-default = सभी वापस बुलाई जाएँगी, और आगे आने वाली भी।
recalls-lot = या लॉट: आपूर्तिकर्ता का नंबर
recalls-from-scope = जिस दायरे से आप आए, उसकी इकाइयाँ।
recalls-descendants = और जिस-जिस में वे लगे
recalls-reason = कारण
recalls-owner = ज़िम्मेदार
recalls-company = कंपनी
recalls-instructions = जिसके पास इकाई है वह क्या करे
recalls-begin = रिकॉल शुरू करें
recalls-begin-drill = अभ्यास शुरू करें
recalls-kinds-recall = रिकॉल
recalls-kinds-drill = अभ्यास
recalls-status-draft = मसौदा
recalls-status-active = लागू
recalls-status-closed = बंद
recalls-status-cancelled = रद्द
recalls-severity-class_1 = वर्ग I: स्वास्थ्य या जीवन को खतरा
recalls-severity-class_2 = वर्ग II: नुकसान हो सकता है
recalls-severity-class_3 = वर्ग III: नुकसान की आशंका नहीं
recalls-drill-note = यह अभ्यास है। कोई स्टॉक नहीं रुकता, किसी ग्राहक को नहीं बताया जाता।
recalls-tab-overview = सार
recalls-tab-units = इकाइयाँ
recalls-tab-consignees = किसके पास
recalls-tab-responses = उत्तर
recalls-tab-effectiveness = प्रभाव
recalls-tab-history = इतिहास
recalls-snapshot = दर्ज स्थिति
recalls-through = बैच { $batch } तक
recalls-activated = लागू से
recalls-ended = समाप्त
recalls-accounted = हिसाब मिला
recalls-to-account = हिसाब देना है
recalls-held = रोक पर
recalls-ended-note = अंत में कहा गया
recalls-where = सब कुछ कहाँ था
recalls-counted-once = मात्राओं में माल एक ही बार गिना जाता है: जो वापस बुलाए गए दूसरे माल में लगा है, और उनके पैकेज, लेबल हैं जिनकी अपनी कोई मात्रा नहीं गिनी जाती।
recalls-no-units = यहाँ कोई इकाई नहीं है।
recalls-place = कहाँ
recalls-plant = संयंत्र
recalls-quantity = मात्रा
recalls-item = वस्तु
recalls-document = दस्तावेज़
recalls-hold = रोक
recalls-hold-yes = रोक पर
recalls-consignee = किसके पास
recalls-note = टिप्पणी
recalls-change = बदलें
recalls-save = सहेजें
recalls-take-again = स्थिति फिर से दर्ज करें
recalls-drill-this = इस दायरे पर अभ्यास चलाएँ
recalls-action-activate = लागू करें
recalls-action-close = बंद करें
recalls-action-cancel = रद्द करें
recalls-activate-lead = { $labels ->
    [0] { $labels } लेबल तुरंत रोके जाएँगे
    [one] { $labels } लेबल तुरंत रोका जाएगा
   *[other] { $labels } लेबल तुरंत रोके जाएँगे
} (इनमें से { $in_hand } हमारे पास) और { $consignees ->
    [0] { $consignees } ग्राहकों, स्थापनाओं और आपूर्तिकर्ताओं को लिखा जाएगा।
    [one] { $consignees } ग्राहक, स्थापना या आपूर्तिकर्ता को लिखा जाएगा।
   *[other] { $consignees } ग्राहकों, स्थापनाओं और आपूर्तिकर्ताओं को लिखा जाएगा।
} इसे वापस नहीं लिया जा सकता।
recalls-approval = अनुमोदन
recalls-approval-INITIATED = लौट आया: बदलें और फिर माँगें
recalls-approval-PENDING_APPROVAL = अनुमोदन की प्रतीक्षा में
recalls-approval-APPROVED = अनुमोदित: लागू किया जा सकता है
recalls-approval-COMPLETED = अनुमोदित
recalls-approval-REJECTED = अस्वीकृत
recalls-approval-CANCELLED = वापस लिया गया
recalls-place-stock = स्टॉक में
recalls-place-work = काम में
recalls-place-transit = रास्ते में
recalls-place-customer = ग्राहक के पास
recalls-place-installed = स्थापित
recalls-place-supplier = आपूर्तिकर्ता के पास
recalls-place-consumed = खप गया
recalls-place-scrapped = रद्दी
recalls-place-expected = बना नहीं
recalls-place-unknown = ज्ञात नहीं
recalls-holder-plant = संयंत्र
recalls-holder-customer = ग्राहक
recalls-holder-installation = स्थापना
recalls-holder-supplier = आपूर्तिकर्ता
recalls-told-to_notify = बताना है
recalls-told-notified = बताया
recalls-told-acknowledged = स्वीकार किया
recalls-told-no_answer = उत्तर नहीं
recalls-letter-waiting = भेजा जा रहा
recalls-letter-sent = भेजा
recalls-letter-dead = भेजा नहीं जा सका
recalls-letter-void = नहीं भेजा
recalls-outcome = क्या हुआ
recalls-outcome-found = मिला
recalls-outcome-quarantined = अलग रखा
recalls-outcome-returned = लौटाया
recalls-outcome-replaced = बदला
recalls-outcome-destroyed = नष्ट
recalls-outcome-used_up = खप गया
recalls-outcome-not_found = नहीं मिला
recalls-unknown-partner = ज्ञात नहीं, दस्तावेज़ { $document }
recalls-unknown-anybody = ज्ञात नहीं
recalls-no-consignees = इस रिकॉल की इकाइयाँ किसी के पास नहीं हैं।
recalls-told-count = { $all } में से { $told } को बताया गया।
recalls-drill-active = चल रहा है
recalls-drill-activated = कब से चल रहा है
recalls-behind-none = उस समय हर संयंत्र जुड़ा था और कहीं कुछ बाक़ी नहीं था।
recalls-behind = उस समय इन संयंत्रों को शायद और कुछ पता था: { $plants }।
recalls-no-mail = कोई मेल सर्वर सेट नहीं है, इसलिए कोई पत्र नहीं जाता। लिखे हुए पत्र प्रतीक्षा करते हैं और सर्वर होते ही अपने-आप चले जाते हैं; तब तक फ़ोन से बताएँ।
recalls-no-mail-set = मेल सर्वर सेट करें
recalls-no-letters = किसी संपर्क का ई-मेल पता नहीं है। फ़ोन से बताएँ और यहाँ दर्ज करें, या संपर्क जोड़कर लिखें।
recalls-write = नए संपर्कों को लिखें
recalls-respond = उत्तर दर्ज करें
recalls-respond-lead = उनके पास के सब का; यह पिछले उत्तर की जगह लेता है। संयंत्रों में स्कैन हुई वापसियाँ अपने-आप गिनी जाती हैं।
recalls-respond-unit = या एक इकाई का
recalls-unit = माप की इकाई
recalls-reference = बदले में (दस्तावेज़)
recalls-enter = दर्ज करें
recalls-no-responses = अभी किसी ने उत्तर नहीं दिया।
recalls-when = कब
recalls-by-plant = संयंत्र में स्कैन
recalls-nothing-to-account = हिसाब के लिए कुछ नहीं: सब पहले ही खप गया या रद्दी हुआ।
recalls-chart = समय के साथ कितने का हिसाब मिला; आँकड़े नीचे की तालिका में हैं
recalls-chart-table = आँकड़े तालिका में
recalls-history-begin = शुरू हुआ
recalls-history-ask = अनुमोदन माँगा गया
recalls-history-change = बदला गया
recalls-history-snapshot = स्थिति फिर से दर्ज
recalls-history-activate = लागू किया
recalls-history-cut = यहाँ और प्रविष्टियाँ छोड़ी गई हैं; ऑडिट में सब हैं
recalls-history-close = बंद किया
recalls-history-cancel = रद्द किया
recalls-history-consignee = किसी की स्थिति दर्ज की
recalls-history-write = पत्र लिखे गए
recalls-history-respond = उत्तर दर्ज
recalls-report = रिपोर्ट (PDF)
recalls-report-title-recall = रिकॉल रिपोर्ट
recalls-report-title-drill = अभ्यास रिपोर्ट
recalls-report-how = दायरा, और कैसे मिला
recalls-report-searched = क्या खोजा गया
recalls-scope-made = { $at } को { $who } ने खोजा और सहेजा।
recalls-scope-others = शर्तें नहीं दिखाई गईं: वे उन संयंत्रों के बारे में बता सकती हैं जहाँ पाठक का अधिकार नहीं है।
recalls-report-kind = प्रकार
recalls-report-letters = पत्र
recalls-report-to = किसे
recalls-report-unit = इकाई
recalls-report-percent = प्रतिशत
recalls-report-course = समय के साथ प्रभाव
recalls-report-what = क्या हुआ
recalls-report-who = किसने
recalls-report-signatures = हस्ताक्षर
recalls-report-quality = गुणवत्ता
recalls-report-management = प्रबंधन
recalls-report-more = { $rows } और पंक्तियाँ यहाँ छोड़ी गईं; पृष्ठ और API में हैं।
recalls-report-made = { $at } को बनाया
recalls-wrong-severity = तीन वर्गों में से एक चुनें: class_1, class_2 या class_3।
recalls-wrong-reason = कारण एक पंक्ति में दें, अधिकतम 500 अक्षर।
recalls-wrong-instructions = अधिकतम 2,000 अक्षर।
recalls-wrong-what = एक चीज़ बताएँ: UID, लॉट या दायरा।
recalls-wrong-scope = ऐसा कोई दायरा नहीं है। संदिग्धों के पृष्ठ से शुरू करें।
recalls-wrong-no-lot = यह इकाई किसी लॉट की नहीं है।
recalls-wrong-lot = ऐसा कोई लॉट नहीं है। आपूर्तिकर्ता का नंबर रसीद जैसा दें।
recalls-wrong-lots = कई लॉट का यह नंबर है। सही लॉट की UID से शुरू करें।
recalls-wrong-kind = यह रिकॉल है या अभ्यास।
recalls-wrong-owner = यह व्यक्ति यहाँ सक्रिय नहीं है।
recalls-wrong-company = जिस कंपनी का नंबर मिले वह चुनें।
recalls-wrong-target = यह कोई तिथि नहीं है।
recalls-wrong-note = टिप्पणी बहुत लंबी है।
recalls-wrong-state = स्थिति चुनें।
recalls-wrong-quantity = 0 या अधिक संख्या दें, अधिकतम छह दशमलव।
recalls-wrong-nothing = कम से कम एक मात्रा दें।
recalls-wrong-more = यह उनके पास से अधिक है। मात्राएँ सुधारें।
recalls-wrong-reference = अधिकतम 100 अक्षर, एक पंक्ति में।
recalls-wrong-at = यह समय भविष्य का है, या बहुत पुराना।
recalls-wrong-consignee = किसका उत्तर है, चुनें।
recalls-wrong-unit = उनके पास कई माप इकाइयों में है। कौन-सी, बताएँ।
recalls-wrong-unit-of = यह इकाई इस रिकॉल में उनकी नहीं है।
recalls-wrong-unit-gone = यह इकाई पहले ही खप गई या रद्दी हुई: हिसाब नहीं चाहिए।
recalls-since = बाद में पता चला:
recalls-inside-of = इसके अंदर:
recalls-start-when-approved = स्वीकृति मिलते ही अपने-आप लागू हो
recalls-comes-into-force = लागू होना
recalls-starts-itself = अपने-आप, स्वीकृति मिलने पर
recalls-starts-by-hand = हाथ से, स्वीकृति मिलने के बाद
recalls-counts-contents = अंदर की वस्तुओं से गिना जाता है
recalls-wrong-unit-packs = यह रिकॉल की वस्तुओं का पैकेज है, गिनती उन्हीं वस्तुओं की होती है: अंदर की वस्तुओं के लिए उत्तर दें।
recalls-wrong-unit-inside = यह इकाई रिकॉल की दूसरी इकाई के अंदर है और उसी के साथ गिनी जाती है: उस इकाई के लिए उत्तर दें।
recalls-wrong-outcome = क्या हुआ, चुनें।
recalls-letter =
    हम आपको भेजे गए उत्पाद वापस बुला रहे हैं। रिकॉल { $number }।
    कारण: { $reason }
    आपके पास: { $goods }
    क्या करें: { $instructions }
    कृपया बताएँ कि कितना मिला और उसका क्या हुआ।
recalls-letter-plain =
    हम आपको भेजे गए उत्पाद वापस बुला रहे हैं। रिकॉल { $number }।
    कारण: { $reason }
    आपके पास: { $goods }
    कृपया इनका उपयोग न करें, आगे न दें, और बताएँ कि कितना मिला।
recalls-count-labels = { $count ->
    [one] { $count } लेबल
   *[other] { $count } लेबल
}
recalls-count-holds = { $count ->
    [one] इस रिकॉल की रोक
   *[other] इस रिकॉल की { $count } रोकें
}
feature-recalls = रिकॉल
recalls-to-hold = रोके जाने वाले लेबल
recalls-in-hand = हमारे पास के लेबल
recalls-hold-released = रोक { $at } को { $who } ने हटाई
recalls-hold-free = फिर से मुक्त
recalls-history-hold_release = रोक हटाई गई
error-recall-unaccounted = इस रिकॉल का पूरा हिसाब नहीं मिला है।
recalls-wrong-unaccounted = बताएँ कि पूरा हिसाब न मिलने पर भी इसे बंद करना है।
recalls-wrong-unaccounted-why = बताएँ कि पूरा हिसाब मिले बिना इसे क्यों बंद किया जा रहा है।
recalls-wrong-target-past = यह दिन बीत चुका है। आज का या बाद का दिन चुनें।
recalls-close-open = इसका पूरा हिसाब नहीं मिला है।
recalls-close-letters = पत्र जो नहीं भेजे गए
recalls-close-sure = पूरा हिसाब न मिलने पर भी बंद करें
recalls-close-why = फिर भी क्यों बंद किया जा रहा है
recalls-wrong-unit-none = इस माप इकाई में उनके पास इसका कुछ नहीं है। उनके नाम के आगे लिखा है कि क्या है।
recalls-answer-later = इसकी जगह बाद का उत्तर मान्य है
recalls-answer-contradicts = दोनों सही नहीं हो सकते: उत्तर में नष्ट या इस्तेमाल हुआ, और संयंत्र में लौटा हुआ स्कैन। बाद वाला गिना जाता है
recalls-sheet = इकाइयाँ (Excel)
recalls-sheet-uid = UID
recalls-sheet-serials = क्रम संख्याएँ
recalls-sheet-location = वहाँ की जगह
recalls-sheet-code = कोड
recalls-sheet-answer = उत्तर कैसे मिला
recalls-contacts = संपर्क
recalls-contact-name = नाम
recalls-phone = फ़ोन
recalls-email = ई-मेल
recalls-no-partner = यह किसके पास है, यह ज्ञात नहीं, इसलिए किसी को लिखा नहीं जा सका। दस्तावेज़ से पता करें, उन्हें बताएँ और यहाँ दर्ज करें।
recalls-incomplete = इस रिकॉल का सब कुछ इसमें नहीं है: { $at } को इसमें 2,00,000 लेबल से अधिक आए, जितने एक रिकॉल में हो सकते हैं, और बाक़ी छूट गए। बाक़ी के लिए एक और रिकॉल शुरू करें।
recalls-history-incomplete = सब के लिए जगह नहीं थी
