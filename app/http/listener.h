/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A listening TCP socket on ADDRESS:PORT; :PORT is every address of both families. Returns it, or -errno. */
int listener_socket(const char *address);

/* What to do about an error of listener_socket(). */
const char *listener_remedy(int error);

/* A small file as a text, to be freed; NULL, logged, where it cannot be read. key is the option's. */
char *listener_file(const char *key, const char *path);
