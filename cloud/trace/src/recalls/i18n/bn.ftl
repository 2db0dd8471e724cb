nav-recalls = রিকল
permission-recall-read = রিকল ও মহড়া দেখা
permission-recall-manage = রিকল শুরু, উত্তর লেখা, মহড়া চালানো
permission-recall-activate = রিকল কার্যকর করা ও বন্ধ করা
notice-group-recall = রিকল
notice-recall-activated = রিকল { $number } কার্যকর: { $reason } ({ $labels ->
    [one] { $labels }টি লেবেল
   *[other] { $labels }টি লেবেল
})।
notice-recall-activated-subject = রিকল { $number }
notice-recall-closed = রিকল { $number } বন্ধ হয়েছে: { $reason } ({ $labels ->
    [one] { $labels }টি লেবেল
   *[other] { $labels }টি লেবেল
})।
notice-recall-in-force = রিকল { $number } অনুমোদিত হয়েছে এবং এখন কার্যকর: { $reason }
notice-recall-in-force-subject = রিকল { $number } কার্যকর
notice-recall-held-up = রিকল { $number } অনুমোদিত হয়েছে, কিন্তু নিজে থেকে কার্যকর হতে পারেনি: { $reason }। এর পাতায় এটি কার্যকর করুন।
notice-recall-held-up-subject = রিকল { $number } আপনার অপেক্ষায়
notice-kind-recall-activated = কোনও রিকল কার্যকর হয়েছে
notice-kind-recall-closed = কোনও রিকল বন্ধ হয়েছে
notice-kind-recall-in-force = অনুমোদিত রিকল নিজে থেকে কার্যকর হয়েছে
notice-kind-recall-held-up = অনুমোদিত রিকল কার্যকর হতে পারেনি
recalls-letter-subject = { $tenant } এর পণ্য রিকল { $number }
recalls-letter-plain-subject = { $tenant } এর পণ্য রিকল { $number }
error-recall-fields = কিছু ঘর ঠিক নেই।
error-recall-state = রিকলের এখনকার অবস্থায় এটি করা যায় না। পাতাটি আবার খুলুন।
error-recall-approval = এর অনুমোদন চাওয়া হয়েছে বা মিলেছে: তা শেষ না হওয়া পর্যন্ত এটি এমনই থাকবে। অনুমোদনের পাতায় ফিরিয়ে নিন, বা রিকলটি বাদ দিন।
error-recall-stale = এর মধ্যে অন্য কেউ এই রিকল বদলেছেন। পাতাটি আবার খুলে বদলান।
error-recall-unknown = যা ফেরত ডাকতে চান তা জানা নেই।
error-recall-too_many = পরিধিতে ২,০০,০০০-এর বেশি লেবেল আছে। কয়েকটি রিকলে ভাগ করুন।
error-recall-empty = এতে কোনও একক নেই।
recalls-title = রিকল
recalls-lead = কী ফেরত ডাকা হয়েছে, কার কাছে আছে, তাঁরা কী জানিয়েছেন, কতটার হিসাব মিলেছে।
recalls-filter = বাছাই
recalls-tabs = রিকলের অংশ
recalls-new = নতুন রিকল
recalls-new-drill = নতুন মহড়া
recalls-new-lead = এটি খসড়া হিসাবে শুরু হয়, সবকিছু কোথায় আছে তার ছবি সহ। কার্যকর না হওয়া পর্যন্ত কিছুই আটকানো হয় না, কাউকে জানানো হয় না।
recalls-new-drill-lead = মহড়ার সময় মাপা হয় এবং কিছুই ছোঁয় না: মজুত, হোল্ড, ক্রেতা কিছুই না।
recalls-none = কোনও রিকল নেই। ট্রেসে একক খুঁজুন বা সন্দেহভাজনের পরিধি রাখুন, সেখান থেকে শুরু করুন। আগে মহড়া করে দেখুন।
recalls-none-drill = এখনও মহড়া হয়নি। প্রতিটি একক খুঁজতে কত সময় লাগে মহড়া তা দেখায়, কিছুই ছোঁয় না।
recalls-all = সব
recalls-number = নম্বর
recalls-state = অবস্থা
recalls-severity = গুরুত্ব
recalls-what = কী ফেরত ডাকা হচ্ছে
recalls-labels = লেবেল
recalls-begun = শুরু
recalls-target = লক্ষ্য তারিখ
recalls-found-in = সব পাওয়া গেছে, সময়
recalls-took = শুরু থেকে শেষ
recalls-older = পুরনোগুলি
recalls-more = আরও
recalls-back = ফিরে যান
recalls-millis = { $ms } মি.সে.
recalls-seconds = { $s } সে.
recalls-minutes = { $m } মিনিট
recalls-hours = { $h } ঘণ্টা
recalls-uid = UID বা কোড
recalls-whole-lot = এর পুরো লট
recalls-delivery-only = লটের শুধু এই চালানটি
recalls-from-lot = লট
recalls-deliveries-default = সবগুলি ফেরত ডাকা হবে, পরে যা আসবে তাও।
recalls-lot = অথবা লট: সরবরাহকারীর নম্বর
recalls-from-scope = যে পরিধি থেকে এসেছেন তার এককগুলি।
recalls-descendants = এবং যা কিছুতে এগুলি গেছে
recalls-reason = কারণ
recalls-owner = দায়িত্বে
recalls-company = কোম্পানি
recalls-instructions = যাঁর কাছে একক আছে তিনি কী করবেন
recalls-begin = রিকল শুরু করুন
recalls-begin-drill = মহড়া শুরু করুন
recalls-kinds-recall = রিকল
recalls-kinds-drill = মহড়া
recalls-status-draft = খসড়া
recalls-status-active = কার্যকর
recalls-status-closed = বন্ধ
recalls-status-cancelled = বাতিল
recalls-severity-class_1 = শ্রেণি ১: স্বাস্থ্য বা জীবনের ঝুঁকি
recalls-severity-class_2 = শ্রেণি ২: ক্ষতি হতে পারে
recalls-severity-class_3 = শ্রেণি ৩: ক্ষতির আশঙ্কা নেই
recalls-drill-note = এটি মহড়া। কোনও মজুত আটকায় না, কোনও ক্রেতাকে জানানো হয় না।
recalls-tab-overview = সারাংশ
recalls-tab-units = একক
recalls-tab-consignees = কার কাছে
recalls-tab-responses = উত্তর
recalls-tab-effectiveness = কার্যকারিতা
recalls-tab-history = ইতিহাস
recalls-snapshot = ছবি
recalls-through = ব্যাচ { $batch } পর্যন্ত
recalls-activated = কার্যকর হয়েছে
recalls-ended = শেষ
recalls-accounted = হিসাব মিলেছে
recalls-to-account = হিসাব দরকার
recalls-held = আটকানো
recalls-ended-note = শেষে বলা হয়েছে
recalls-where = সবকিছু কোথায় ছিল
recalls-counted-once = পরিমাণে মাল একবারই গোনা হয়: যা প্রত্যাহার করা অন্য মালের ভিতরে লাগানো, আর সেগুলোর প্যাকেজ, সেগুলো লেবেল, যাদের নিজের কোনো পরিমাণ গোনা হয় না।
recalls-no-units = এখানে কোনও একক নেই।
recalls-place = কোথায়
recalls-plant = কারখানা
recalls-quantity = পরিমাণ
recalls-item = পণ্য
recalls-document = নথি
recalls-hold = হোল্ড
recalls-hold-yes = আটকানো
recalls-consignee = কার কাছে
recalls-note = মন্তব্য
recalls-change = বদলান
recalls-save = সংরক্ষণ
recalls-take-again = আবার ছবি নিন
recalls-drill-this = এই পরিধিতে মহড়া চালান
recalls-action-activate = কার্যকর করুন
recalls-action-close = বন্ধ করুন
recalls-action-cancel = বাতিল করুন
recalls-activate-lead = { $labels ->
    [one] আমাদের হাতে থাকা { $labels }টি লেবেল এখনই আটকানো হবে
   *[other] আমাদের হাতে থাকা { $labels }টি লেবেল এখনই আটকানো হবে
} এবং { $consignees ->
    [0] { $consignees } জন ক্রেতা, স্থাপনা ও সরবরাহকারীকে লেখা হবে।
    [one] { $consignees } জন ক্রেতা, স্থাপনা বা সরবরাহকারীকে লেখা হবে।
   *[other] { $consignees } জন ক্রেতা, স্থাপনা ও সরবরাহকারীকে লেখা হবে।
} এটি ফেরানো যায় না।
recalls-approval = অনুমোদন
recalls-approval-INITIATED = ফিরে এসেছে: বদলে আবার চান
recalls-approval-PENDING_APPROVAL = অনুমোদনের অপেক্ষায়
recalls-approval-APPROVED = অনুমোদিত: কার্যকর করা যায়
recalls-approval-COMPLETED = অনুমোদিত
recalls-approval-REJECTED = প্রত্যাখ্যাত
recalls-approval-CANCELLED = ফিরিয়ে নেওয়া হয়েছে
recalls-place-stock = মজুতে
recalls-place-work = কাজ চলছে
recalls-place-transit = পথে
recalls-place-customer = ক্রেতার কাছে
recalls-place-installed = স্থাপিত
recalls-place-supplier = সরবরাহকারীর কাছে
recalls-place-consumed = ব্যবহৃত
recalls-place-scrapped = বাতিল মাল
recalls-place-expected = তৈরি হয়নি
recalls-place-unknown = জানা নেই
recalls-holder-plant = কারখানা
recalls-holder-customer = ক্রেতা
recalls-holder-installation = স্থাপনা
recalls-holder-supplier = সরবরাহকারী
recalls-told-to_notify = জানাতে হবে
recalls-told-notified = জানানো হয়েছে
recalls-told-acknowledged = স্বীকার করেছেন
recalls-told-no_answer = উত্তর নেই
recalls-letter-waiting = পাঠানো হচ্ছে
recalls-letter-sent = পাঠানো হয়েছে
recalls-letter-dead = পাঠানো যায়নি
recalls-letter-void = পাঠানো হয়নি
recalls-outcome = কী হল
recalls-outcome-found = পাওয়া গেছে
recalls-outcome-quarantined = আলাদা রাখা
recalls-outcome-returned = ফেরত
recalls-outcome-replaced = বদলে দেওয়া
recalls-outcome-destroyed = নষ্ট করা
recalls-outcome-used_up = ব্যবহৃত
recalls-outcome-not_found = পাওয়া যায়নি
recalls-unknown-partner = জানা নেই, নথি { $document }
recalls-unknown-anybody = জানা নেই
recalls-no-consignees = এই রিকলের একক কারও কাছে নেই।
recalls-told-count = { $all }-এর মধ্যে { $told } জনকে জানানো হয়েছে।
recalls-drill-active = চলছে
recalls-drill-activated = কবে থেকে চলছে
recalls-behind-none = তখন প্রতিটি কারখানা সংযুক্ত ছিল এবং কিছুই অপেক্ষায় ছিল না।
recalls-behind = তখন এই কারখানাগুলি হয়তো আরও কিছু জানত: { $plants }।
recalls-no-mail = কোনও মেল সার্ভার স্থাপন করা নেই, তাই কোনও চিঠি যায় না। লেখা চিঠিগুলি অপেক্ষা করে এবং সার্ভার হলেই নিজে থেকে যায়; ততদিন ফোনে জানান।
recalls-no-mail-set = মেল সার্ভার স্থাপন করুন
recalls-no-letters = কোনও যোগাযোগের ই-মেল নেই। ফোনে জানিয়ে এখানে লিখুন, অথবা যোগাযোগ যোগ করে চিঠি দিন।
recalls-write = নতুন যোগাযোগে লিখুন
recalls-respond = উত্তর লিখুন
recalls-respond-lead = তাঁদের কাছে থাকা সবকিছুর; এটি আগের উত্তরের জায়গা নেয়। কারখানায় স্ক্যান করা ফেরত নিজে থেকে গোনা হয়।
recalls-respond-unit = অথবা একটি এককের
recalls-unit = মাপের একক
recalls-reference = বদলে (নথি)
recalls-enter = লিখুন
recalls-no-responses = এখনও কেউ উত্তর দেননি।
recalls-when = কখন
recalls-by-plant = কারখানায় স্ক্যান
recalls-nothing-to-account = হিসাবের কিছু নেই: সব আগেই ব্যবহৃত বা বাতিল।
recalls-chart = সময়ের সঙ্গে কতটার হিসাব মিলেছে; সংখ্যা নীচের সারণিতে
recalls-chart-table = সংখ্যা সারণিতে
recalls-history-begin = শুরু হয়েছে
recalls-history-ask = অনুমোদন চাওয়া হয়েছে
recalls-history-change = বদলানো হয়েছে
recalls-history-snapshot = আবার ছবি নেওয়া
recalls-history-activate = কার্যকর করা হয়েছে
recalls-history-cut = এখানে আরও তথ্য বাদ আছে; অডিটে সব আছে
recalls-history-close = বন্ধ করা হয়েছে
recalls-history-cancel = বাতিল করা হয়েছে
recalls-history-consignee = কারও অবস্থা লেখা হয়েছে
recalls-history-write = চিঠি লেখা হয়েছে
recalls-history-respond = উত্তর লেখা হয়েছে
recalls-report = প্রতিবেদন (PDF)
recalls-report-title-recall = রিকল প্রতিবেদন
recalls-report-title-drill = মহড়া প্রতিবেদন
recalls-report-how = পরিধি, এবং কীভাবে পাওয়া গেছে
recalls-report-kind = ধরন
recalls-report-letters = চিঠি
recalls-report-to = কাকে
recalls-report-unit = একক
recalls-report-percent = শতাংশ
recalls-report-course = সময়ের সঙ্গে কার্যকারিতা
recalls-report-what = কী ঘটেছে
recalls-report-who = কে
recalls-report-signatures = স্বাক্ষর
recalls-report-quality = মান
recalls-report-management = ব্যবস্থাপনা
recalls-report-more = আরও { $rows }টি সারি এখানে বাদ; পাতা ও API-তে আছে।
recalls-report-made = { $at } তৈরি
recalls-wrong-severity = তিনটি শ্রেণির একটি বাছুন: class_1, class_2 বা class_3।
recalls-wrong-reason = এক লাইনে কারণ দিন, সর্বাধিক ৫০০ অক্ষর।
recalls-wrong-instructions = সর্বাধিক ২,০০০ অক্ষর।
recalls-wrong-what = একটি জিনিস বলুন: UID, লট বা পরিধি।
recalls-wrong-scope = এমন পরিধি নেই। সন্দেহভাজনের পাতা থেকে শুরু করুন।
recalls-wrong-no-lot = এই একক কোনও লটের নয়।
recalls-wrong-lot = এমন লট নেই। রসিদে যেমন আছে সরবরাহকারীর নম্বর তেমন দিন।
recalls-wrong-lots = একাধিক লটের এই নম্বর। ঠিকটির একটি UID থেকে শুরু করুন।
recalls-wrong-kind = এটি রিকল বা মহড়া।
recalls-wrong-owner = এই ব্যক্তি এখানে সক্রিয় নন।
recalls-wrong-company = যে কোম্পানির নম্বর পাবে তা বাছুন।
recalls-wrong-target = এটি কোনও তারিখ নয়।
recalls-wrong-note = মন্তব্য বেশি লম্বা।
recalls-wrong-state = অবস্থা বাছুন।
recalls-wrong-quantity = ০ বা বেশি সংখ্যা দিন, সর্বাধিক ছয় দশমিক।
recalls-wrong-nothing = অন্তত একটি পরিমাণ দিন।
recalls-wrong-more = এটি তাঁদের কাছে যা আছে তার বেশি। পরিমাণ ঠিক করুন।
recalls-wrong-reference = সর্বাধিক ১০০ অক্ষর, এক লাইনে।
recalls-wrong-at = এই সময় ভবিষ্যতের, বা অনেক আগের।
recalls-wrong-consignee = কার উত্তর বাছুন।
recalls-wrong-unit = তাঁদের কাছে একাধিক মাপে আছে। কোনটি বলুন।
recalls-wrong-unit-of = এই একক এই রিকলে তাঁদের নয়।
recalls-wrong-unit-gone = এই একক আগেই ব্যবহৃত বা বাতিল: হিসাবের কিছু নেই।
recalls-since = পরে জানা গেছে:
recalls-inside-of = এর ভিতরে:
recalls-start-when-approved = অনুমোদন পেলে নিজে থেকে কার্যকর হবে
recalls-comes-into-force = কার্যকর হওয়া
recalls-starts-itself = নিজে থেকে, অনুমোদন পেলে
recalls-starts-by-hand = হাতে, অনুমোদনের পরে
recalls-counts-contents = ভিতরের জিনিস দিয়ে গোনা হয়
recalls-wrong-unit-packs = এটি রিকলের জিনিসের প্যাকেজ, গোনা হয় সেই জিনিসগুলি: ভিতরের জিনিসের জন্য উত্তর দিন।
recalls-wrong-unit-inside = এই ইউনিটটি রিকলের আরেকটি ইউনিটের ভিতরে আছে এবং তার সঙ্গেই গোনা হয়: সেটির জন্য উত্তর দিন।
recalls-wrong-outcome = কী হল বাছুন।
recalls-letter =
    আপনাকে পাঠানো পণ্য আমরা ফেরত ডাকছি। রিকল { $number }।
    কারণ: { $reason }
    আপনার কাছে: { $goods }
    কী করবেন: { $instructions }
    কতটা পেয়েছেন এবং তার কী হল, অনুগ্রহ করে জানান।
recalls-letter-plain =
    আপনাকে পাঠানো পণ্য আমরা ফেরত ডাকছি। রিকল { $number }।
    কারণ: { $reason }
    আপনার কাছে: { $goods }
    অনুগ্রহ করে এগুলি ব্যবহার করবেন না, কাউকে দেবেন না, এবং কতটা পেয়েছেন জানান।
recalls-count-labels = { $count ->
    [one] { $count }টি লেবেল
   *[other] { $count }টি লেবেল
}
recalls-count-holds = { $count ->
    [one] এই রিকলের হোল্ড
   *[other] এই রিকলের { $count }টি হোল্ড
}
feature-recalls = প্রত্যাহার (রিকল)
recalls-to-hold = আমাদের হাতে থাকা লেবেল
recalls-hold-released = আটক { $at } তারিখে { $who } ছেড়েছেন
recalls-hold-free = আবার মুক্ত
recalls-history-hold_release = আটক ছাড়া হয়েছে
error-recall-unaccounted = এই রিকলের পুরো হিসাব মেলেনি।
recalls-wrong-unaccounted = জানান যে পুরো হিসাব না মিললেও এটি বন্ধ করতে হবে।
recalls-wrong-unaccounted-why = পুরো হিসাব না মিললেও কেন বন্ধ করা হচ্ছে, জানান।
recalls-wrong-target-past = এই দিন পেরিয়ে গেছে। আজকের বা পরের কোনও দিন বাছুন।
recalls-close-open = এর পুরো হিসাব মেলেনি।
recalls-close-letters = না-পাঠানো চিঠি
recalls-close-sure = পুরো হিসাব না মিললেও বন্ধ করুন
recalls-close-why = তবু কেন বন্ধ করা হচ্ছে
recalls-wrong-unit-none = এই মাপে তাঁদের কাছে এর কিছু নেই। তাঁদের নামের পাশে লেখা আছে কী আছে।
recalls-answer-later = এর জায়গায় পরের উত্তরটি ধরা হয়
recalls-answer-contradicts = দুটোই ঠিক হতে পারে না: উত্তরে নষ্ট বা ব্যবহার হয়ে গেছে, আর কারখানায় ফেরত বলে স্ক্যান। পরেরটি ধরা হয়
recalls-sheet = ইউনিটগুলি (Excel)
recalls-sheet-uid = UID
recalls-sheet-serials = ক্রমিক নম্বর
recalls-sheet-location = সেখানকার জায়গা
recalls-sheet-code = কোড
recalls-sheet-answer = উত্তর কীভাবে এসেছে
