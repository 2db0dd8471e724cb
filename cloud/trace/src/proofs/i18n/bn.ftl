permission-proof-read = প্রমাণ দেখা ও ইতিহাস বের করা
permission-proof-manage = স্বাক্ষরের নতুন চাবি চালু করা ও পরীক্ষা চালানো
error-proof-empty = গাছে এখনও কোনো ঘটনা নেই। কোনো কারখানা কিছু পাঠালে আবার চান।
error-proof-event = গাছে এমন কোনো ঘটনা নেই। যা এইমাত্র এসেছে তা কয়েক সেকেন্ডে সেখানে থাকবে।
error-proof-sizes = এই আকারের কোনো গাছ ছিল না।
error-proof-too_long = এই এককের ঘটনা এক ফাইলে ধরার চেয়ে বেশি।
notice-proof-altered = একটি তথ্য অ্যাপের বাইরে থেকে বদলানো হয়েছে: { $event ->
    [tree] মার্কল বৃক্ষ
   *[other] { $event }
}।
notice-kind-proof-altered = একটি তথ্য অ্যাপের বাইরে থেকে বদলানো হয়েছে
trace-exception-proof-altered = তথ্য অ্যাপের বাইরে থেকে বদলানো
nav-proofs = প্রমাণ
proofs-title = প্রমাণ
proofs-lead = প্রতিটি ঘটনা একটি স্বাক্ষরিত মার্কেল গাছে আছে: কোনোটিই অজান্তে বদলানো বা বাদ দেওয়া যায় না।
proofs-none = গাছে এখনও কোনো ঘটনা নেই। কোনো কারখানা কিছু পাঠালে কয়েক সেকেন্ডে বাড়ে।
proofs-export = এককের ইতিহাস বের করুন
proofs-export-how = সব ঘটনা ও প্রমাণসহ একটি ফাইল। যে কেউ যাচাই করতে পারে: cloud verify FILE, বা ছোট প্রোগ্রাম verify।
proofs-which = এককের UID
proofs-take = বের করুন
proofs-size = গাছে ঘটনা
proofs-behind = কিছু এখনও নেওয়া বাকি
proofs-head = সর্বশেষ স্বাক্ষরিত শীর্ষ
proofs-checked = গাছের সঙ্গে যাচাই
proofs-never = এখনও নয়
proofs-altered = বদলানো পাওয়া গেছে
proofs-keys = স্বাক্ষরের চাবি
proofs-keys-how = চালু চাবিটি এমন জায়গায় প্রকাশ করুন যেখানে অন্যরা পায়: তারা এটি দিয়ে আপনার ইতিহাস যাচাই করে।
proofs-key-used = চালু আছে
proofs-key-until = পর্যন্ত
proofs-new-key = নতুন চাবি চালু করুন
error-proof-checking = একটি পরীক্ষা চলছে। শেষ হওয়া পর্যন্ত অপেক্ষা করুন।
proofs-checking = সব ঘটনা পরীক্ষা করা হচ্ছে
proofs-check-now = সব ঘটনা এখনই পরীক্ষা করুন
proofs-check-how = প্রতি ছয় ঘণ্টায় এটি নিজে থেকে চলে। যা বদলানো হয়েছে তা ব্যতিক্রমে জানানো হয়।
proofs-new-key-lead = তখন থেকে নতুন চাবি স্বাক্ষর করবে। এটি ফেরানো যায় না: যাঁরা আপনার ইতিহাস যাচাই করেন তাঁদের নতুন চাবিও লাগবে, তাই সেটি প্রকাশ করুন। পুরোনো চাবির স্বাক্ষর সেগুলির সঙ্গে বৈধ থাকে।
proofs-new-key-understood = আমি এটি জানি, এবং নতুন চাবি প্রকাশ করব।
proofs-new-key-sure = বাক্সে টিক দিন: নতুন চাবি ফিরিয়ে নেওয়া যায় না।
