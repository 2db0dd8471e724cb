files-title = फ़ाइलें
files-empty = अभी कोई फ़ाइल नहीं।
files-empty-hint = ड्रॉइंग, प्रमाणपत्र, फ़ोटो: यहाँ छोड़ें, या चुनें।
files-add = फ़ाइलें जोड़ें
files-choose = फ़ाइलें चुनें
files-drop = या यहाँ छोड़ें
files-most = हर एक { $most } तक।
files-send = भेजें
files-sending = भेजा जा रहा है…
files-version = संस्करण { $n }
files-versions = { $count ->
    [one] { $count } पुराना संस्करण
   *[other] { $count } पुराने संस्करण
}
files-replace = नया संस्करण
files-delete = हटाएँ
files-restore = वापस लाएँ
files-deleted = { $count ->
    [one] { $count } हटाई गई फ़ाइल
   *[other] { $count } हटाई गई फ़ाइलें
}
files-by = { $name }, { $at }
files-back = वापस
files-download = { $name } डाउनलोड करें
files-wrong-empty = इस फ़ाइल में कुछ नहीं है। दूसरी चुनें।
files-wrong-name = इस फ़ाइल का नाम रखा नहीं जा सकता। नाम बदलकर फिर भेजें।
files-wrong-large = यह फ़ाइल { $most } से बड़ी है। छोटी करें या बाँटें।
files-wrong-quota = संगठन की फ़ाइलें { $most } से अधिक हो जाएँगी। कुछ हटाएँ, या और जगह माँगें।
files-wrong-kind = यह { $kind } है, और ऐसी फ़ाइलें नहीं ली जातीं। रखना ज़रूरी हो तो zip में डालें।
files-wrong-sending = फ़ाइल पूरी नहीं आई। फिर भेजें।
files-wrong-none = कोई फ़ाइल नहीं आई। पहले चुनें।
files-wrong-many = एक बार में अधिकतम { $most } फ़ाइलें: बाक़ी नहीं ली गईं।
files-wrong-stale = इस बीच किसी और ने यह फ़ाइल बदली। फिर देखें।
error-files-off = इस सर्वर पर फ़ाइलें चालू नहीं हैं।
error-files-store = फ़ाइलों की जगह जवाब नहीं दे रही। थोड़ी देर में फिर कोशिश करें।
error-files-empty = इस फ़ाइल में कुछ नहीं है।
error-files-name = इस फ़ाइल का नाम रखा नहीं जा सकता।
error-files-too_large = यह फ़ाइल बहुत बड़ी है।
error-files-quota = और फ़ाइलों के लिए जगह नहीं है।
error-files-kind = ऐसी फ़ाइलें नहीं ली जातीं।
error-files-sending = फ़ाइल पूरी नहीं आई।
