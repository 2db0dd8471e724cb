holds-scope = दायरा
holds-code = कारण कोड
holds-code-none = कोई नहीं: जैसा साथ में लिखा है
holds-owner = ज़िम्मेदार
holds-owner-me = जो रोक लगाता है
holds-notes = टिप्पणियाँ
holds-look = दिखाएँ कि क्या रोका जाएगा
holds-look-title = यह रोका जाएगा
holds-told = संगठन के हर संयंत्र को तुरंत बताया जाता है, और वहाँ रोक देख सकने वाले सभी को।
holds-back = वापस
holds-states = स्थितियाँ
holds-release-why = क्यों छोड़ा जा रहा है
holds-plants = संयंत्र
holds-plants-none = अभी कोई संयंत्र जुड़ा नहीं है।
holds-plant-has = मिल गया
holds-plant-lacks = अभी नहीं मिला
holds-plant-seen = आख़िरी संपर्क
holds-acts = संयंत्र को रोक मिलने से पहले किया गया
holds-acts-lead = रोक और उसके संयंत्र पहुँचने के बीच जो पैक, उपयोग, स्थापित या भेजा गया।
holds-acts-none = अब तक कुछ नहीं। ऑफ़लाइन संयंत्र ने जो किया वह उसके लौटने पर दिखेगा।
holds-class = स्थिति
holds-class-gap = संयंत्र को रोक मिलने से पहले
holds-class-earlier = घड़ियों के अनुसार रोक से पहले, या रोक हटने के बाद
holds-class-overridden = पर्यवेक्षक ने करने दिया
holds-class-violated = संयंत्र को रोक मिलने के बाद भी
holds-all = सभी
holds-late = बाद में आए
holds-members-none = यहाँ कोई इकाई नहीं।
holds-how = कैसे आया
holds-cause-scope = नामित
holds-cause-lot = लॉट का
holds-cause-content = नामित पैकेज के अंदर
holds-cause-made = इससे बना
holds-cause-inside = इसे रखने वाला पैकेज
holds-cause-kept = पुनर्स्थापना से पहले संयंत्र पर रोका गया
holds-left = फिर मुक्त
holds-past-hold-place = रोक लगाई गई
holds-past-hold-grow = और आए
holds-past-hold-cut = यहाँ और प्रविष्टियाँ छोड़ी गई हैं; ऑडिट में सब हैं
holds-past-hold-release = छोड़ा गया
holds-wrong-nothing = बताएँ कि क्या रोकना है: UID, लॉट या दायरा।
error-hold-notes = टिप्पणियाँ 2,000 अक्षरों तक हो सकती हैं।
error-hold-owner = अपने संगठन का व्यक्ति चुनें।
trace-exception-hold-gap = संयंत्र को रोक मिलने से पहले उपयोग
trace-exception-hold-recovered = पुनर्स्थापना के बाद केवल संयंत्रों के पास बची रोक
trace-exception-hold-violated = संयंत्र को रोक मिलने के बाद भी उपयोग
notice-group-hold = रोक
notice-hold-grew = रोक “{ $reason }” में और आए ({ $labels ->
    [one] { $labels } लेबल
   *[other] { $labels } लेबल
})।
notice-hold-gap = संयंत्र को रोक “{ $reason }” मिलने से पहले उपयोग हुआ: { $labels ->
    [one] { $labels } बार
   *[other] { $labels } बार
}।
notice-hold-violated = संयंत्र को रोक “{ $reason }” मिलने के बाद भी उपयोग हुआ: { $labels ->
    [one] { $labels } बार
   *[other] { $labels } बार
}।
notice-kind-hold-grew = किसी रोक में और आए
notice-kind-hold-gap = संयंत्र को पता चलने से पहले रोकी गई इकाइयाँ उपयोग हुईं
notice-kind-hold-violated = रोकी गई इकाइयाँ फिर भी उपयोग हुईं
holds-units = { $count ->
    [one] { $count } इकाई
   *[other] { $count } इकाइयाँ
}
holds-deliveries = { $count ->
    [one] यह { $count } खेप में आया:
   *[other] यह { $count } खेपों में आया:
}
holds-deliveries-default = सभी रोकी जाएँगी, और आगे आने वाली भी।
holds-deliveries-all = सभी रोकी गई हैं, और आगे आने वाली भी रोकी जाएँगी।
holds-deliveries-one = इनमें से सिर्फ़ नामित खेप रोकी जाती है।
holds-deliveries-take = सभी खेपें
holds-asked = क्या माँगा गया था
holds-asked-label = इकाई
holds-asked-lot = लॉट
holds-asked-scope = इस चयन की इकाइयाँ:
holds-asked-recall = रिकॉल
holds-asked-recovered = पुनर्स्थापन के बाद जो संयंत्र में अब भी रुका था:
holds-asked-deliveries = { $count ->
    [one] { $count } डिलीवरी
   *[other] { $count } डिलीवरियाँ
}
holds-asked-delivery = केवल यही डिलीवरी
holds-asked-made = इससे बनी हर चीज़ के साथ, अभी और आगे भी
holds-asked-not-made = इससे बनी चीज़ों के बिना
holds-sure = यह रिकॉल { $number } की रोक है, जो लागू है। हटाते ही वापस बुलाया गया माल हर संयंत्र पर फिर से इस्तेमाल, पैक और रवाना किया जा सकेगा।
holds-sure-freed = रोक से मुक्त होंगी
holds-sure-release = { $number } लागू होने पर भी रोक हटाएँ
error-hold-of_recall = यह लागू रिकॉल की रोक है। फिर भी हटानी हो तो उस रिकॉल का नंबर दें।
