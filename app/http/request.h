/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <microhttpd.h>

#include "app/http/page.h"

/* Do the headers announce one? */
bool request_has_body(struct MHD_Connection *connection);

/* Takes a request as libmicrohttpd hands it over, finds its page and answers. The server's thread. */
enum MHD_Result request_answer(struct http_site *site, struct MHD_Connection *connection, const char *method,
                               const char *path);
