/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/console.h"

#include <string.h>

#include "app/http/page.h"

/*
 * The console: files without anything of this weir in them, so they need no token; what they show comes from the API.
 * The page may load what this server has, and nothing else; nobody may frame it.
 */
static const struct http_header headers[] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                                "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "no-referrer"},
    {NULL, NULL},
};

static void file_serve(const struct http_request *request, struct http_page *page, const struct console_file *file)
{
    page->type = file->type;
    page->tag = file->tag;
    page->headers = headers;
    if (request_has_tag(request, file->tag))
        page->status = 304; /* without a body */
    else
        fwrite(file->bytes, 1, file->size_bytes, page->stream);
}

void page_console(const struct http_request *request, struct http_page *page)
{
    file_serve(request, page, &console_files[0]);
}

void page_console_file(const struct http_request *request, struct http_page *page)
{
    const char *name = request_rest(request);
    for (unsigned i = 1; i < console_file_count; i++) {
        if (strcmp(name, console_files[i].name) == 0) {
            file_serve(request, page, &console_files[i]);
            return;
        }
    }
    page_fail(page, 404, "the console has no such file");
}
