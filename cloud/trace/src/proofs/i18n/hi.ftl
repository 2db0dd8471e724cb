permission-proof-read = प्रमाण देखना और इतिहास निकालना
permission-proof-manage = हस्ताक्षर की नई कुंजी लागू करना और जाँच चलवाना
error-proof-empty = वृक्ष में अभी कोई घटना नहीं है। किसी संयंत्र के कुछ भेजने के बाद फिर पूछें।
error-proof-event = वृक्ष में ऐसी कोई घटना नहीं है। जो अभी-अभी आया है वह कुछ सेकंड में वहाँ होगा।
error-proof-sizes = इस आकार का कोई वृक्ष नहीं था।
error-proof-too_long = इस इकाई की घटनाएँ एक फ़ाइल में आने से अधिक हैं।
notice-proof-altered = एक तथ्य ऐप के बाहर से बदला गया: { $event ->
    [tree] मर्कल वृक्ष
   *[other] { $event }
}।
notice-kind-proof-altered = एक तथ्य ऐप के बाहर से बदला गया
trace-exception-proof-altered = तथ्य ऐप के बाहर से बदला गया
nav-proofs = प्रमाण
proofs-title = प्रमाण
proofs-lead = हर घटना एक हस्ताक्षरित मर्कल वृक्ष में है: कोई भी बिना पता चले बदली या छोड़ी नहीं जा सकती।
proofs-none = वृक्ष में अभी कोई घटना नहीं है। किसी संयंत्र के कुछ भेजते ही वह कुछ सेकंड में बढ़ता है।
proofs-export = इकाई का इतिहास निकालें
proofs-export-how = सभी घटनाओं और उनके प्रमाणों वाली फ़ाइल। कोई भी जाँच सकता है: cloud verify FILE, या छोटा प्रोग्राम verify।
proofs-which = इकाई का UID
proofs-take = निकालें
proofs-size = वृक्ष में घटनाएँ
proofs-behind = कुछ अभी लिए जाने हैं
proofs-head = अंतिम हस्ताक्षरित शीर्ष
proofs-checked = वृक्ष से जाँचा गया
proofs-never = अभी नहीं
proofs-altered = बदले हुए मिले
proofs-keys = हस्ताक्षर की कुंजियाँ
proofs-keys-how = उपयोग में कुंजी वहाँ प्रकाशित करें जहाँ दूसरे पाएँ: वे उसी से आपके इतिहास जाँचते हैं।
proofs-key-used = इस समय से उपयोग में
proofs-key-until = तक
proofs-new-key = नई कुंजी लागू करें
error-proof-checking = जाँच चल रही है। उसके पूरे होने तक रुकें।
proofs-checking = सभी घटनाएँ जाँची जा रही हैं
proofs-check-now = सभी घटनाएँ अभी जाँचें
proofs-check-how = यह हर छह घंटे में अपने-आप चलती है। जो बदला गया वह अपवादों में बताया जाता है।
proofs-new-key-lead = तब से नई कुंजी हस्ताक्षर करेगी। इसे वापस नहीं लिया जा सकता: जो आपके इतिहास जाँचते हैं उन्हें नई कुंजी भी चाहिए, इसलिए उसे प्रकाशित करें। पुरानी कुंजियों के हस्ताक्षर उनके साथ मान्य रहते हैं।
proofs-new-key-understood = मुझे यह पता है, और मैं नई कुंजी प्रकाशित करूँगा/करूँगी।
proofs-new-key-sure = बॉक्स पर निशान लगाएँ: नई कुंजी वापस नहीं ली जा सकती।
