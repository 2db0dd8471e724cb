-- A series of documents that is a plant's own is shown to whose rights reach there.

call app.protect_plant('document_series');
