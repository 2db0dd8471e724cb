files-title = ফাইল
files-empty = এখনও কোনো ফাইল নেই।
files-empty-hint = ড্রয়িং, সনদ, ছবি: এখানে ছেড়ে দিন, বা বেছে নিন।
files-add = ফাইল যোগ করুন
files-choose = ফাইল বাছুন
files-drop = বা এখানে ছেড়ে দিন
files-most = প্রতিটি { $most } পর্যন্ত।
files-send = পাঠান
files-sending = পাঠানো হচ্ছে…
files-version = সংস্করণ { $n }
files-versions = { $count ->
    [one] আগের { $count }টি সংস্করণ
   *[other] আগের { $count }টি সংস্করণ
}
files-replace = নতুন সংস্করণ
files-delete = মুছুন
files-restore = ফিরিয়ে আনুন
files-deleted = { $count ->
    [one] মোছা { $count }টি ফাইল
   *[other] মোছা { $count }টি ফাইল
}
files-by = { $name }, { $at }
files-back = ফিরে যান
files-download = { $name } ডাউনলোড
files-wrong-empty = এই ফাইলে কিছু নেই। অন্যটি বাছুন।
files-wrong-name = এই ফাইলের নাম রাখা যায় না। নাম বদলে আবার পাঠান।
files-wrong-large = ফাইলটি { $most }-এর চেয়ে বড়। ছোট করুন বা ভাগ করুন।
files-wrong-quota = প্রতিষ্ঠানের ফাইল { $most } ছাড়িয়ে যাবে। কিছু মুছুন, বা আরও জায়গা চান।
files-wrong-kind = এটি { $kind }, এবং এমন ফাইল নেওয়া হয় না। রাখতেই হলে zip-এ ভরুন।
files-wrong-sending = ফাইলটি পুরো আসেনি। আবার পাঠান।
files-wrong-none = কোনো ফাইল আসেনি। আগে একটি বাছুন।
files-wrong-many = একবারে সর্বাধিক { $most }টি ফাইল: বাকিগুলি নেওয়া হয়নি।
files-wrong-stale = এর মধ্যে অন্য কেউ ফাইলটি বদলেছেন। আবার দেখুন।
error-files-off = এই সার্ভারে ফাইল চালু নেই।
error-files-store = ফাইল রাখার জায়গা সাড়া দিচ্ছে না। একটু পরে আবার চেষ্টা করুন।
error-files-empty = এই ফাইলে কিছু নেই।
error-files-name = এই ফাইলের নাম রাখা যায় না।
error-files-too_large = ফাইলটি খুব বড়।
error-files-quota = আর ফাইলের জায়গা নেই।
error-files-kind = এমন ফাইল নেওয়া হয় না।
error-files-sending = ফাইলটি পুরো আসেনি।
