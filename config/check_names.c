/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/check.h"
#include "config/value.h"

/* Checks of names, addresses and paths that outputs have. */

#define PATTERN_MOST     255 /* bytes: no topic and no index is longer */
#define FINGERPRINT_MOST 64  /* hexadecimal digits of SHA-256 */

bool check_file_or_none(const char *text, struct complaint *complaint)
{
    return !*text || check_file(text, complaint);
}

bool check_file_pattern_or_none(const char *text, struct complaint *complaint)
{
    return !*text || check_file_pattern(text, complaint);
}

bool check_folder_or_none(const char *text, struct complaint *complaint)
{
    if (!*text || (strlen(text) < 3072 && strcmp(text, "/") != 0)) /* leaves room for the names in it */
        return true;
    return complain(complaint, "cannot be the folder", "write the path of a folder, as /var/spool/weir");
}

bool check_memory_folder(const char *text, struct complaint *complaint)
{
    if (strcmp(text, "auto") == 0 || strcmp(text, "none") == 0 || (*text == '/' && strlen(text) < 3072))
        return true;
    return complain(complaint, "is no folder for memory", "write auto, none, or a folder on a tmpfs, as /dev/shm");
}

bool check_fingerprint(const char *text, struct complaint *complaint)
{
    unsigned digits = 0;
    bool possible = true;
    for (const char *at = text; *at; at++) {
        bool digit = isxdigit((unsigned char)*at);
        possible &= digit || (*at == ':' && digits % 2 == 0);
        digits += digit;
    }
    if (!*text || (possible && digits == FINGERPRINT_MOST))
        return true;
    return complain(complaint, "is no SHA-256 fingerprint",
                    "write 64 hexadecimal digits, as \"openssl x509 -fingerprint -sha256\" prints them");
}

static bool host_possible(const char *host, size_t length)
{
    if (length > 2 && host[0] == '[' && host[length - 1] == ']')
        return strspn(host + 1, "0123456789abcdefABCDEF:.") == length - 2;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)host[i]) && !strchr("-._", host[i]))
            return false;
    }
    return length > 0 && length < 254; /* RFC 1035, section 2.3.4 */
}

static bool port_possible(const char *port, size_t length)
{
    return length > 0 && length <= 5 && strspn(port, "0123456789") >= length && atoi(port) > 0 && atoi(port) < 65536;
}

/* HOST, HOST:PORT or [ADDRESS]:PORT in the first bytes of text. */
static bool authority_possible(const char *text, size_t length)
{
    size_t host = length;
    while (host > 0 && text[host - 1] != ':' && text[host - 1] != ']')
        host--;
    if (host == 0 || text[host - 1] == ']') /* no port */
        return host_possible(text, length);
    return host_possible(text, host - 1) && port_possible(text + host, length - host);
}

bool check_broker(const char *text, struct complaint *complaint)
{
    static const char remedy[] = "write HOST:PORT, as kafka.example.org:9092";
    if (strstr(text, "://"))
        return complain(complaint, "is an URL",
                        "write HOST:PORT alone; tls.enabled and kafka.sasl say how to talk to it");
    return authority_possible(text, strlen(text)) || complain(complaint, "is no host and port", remedy);
}

bool check_url(const char *text, struct complaint *complaint)
{
    static const char remedy[] = "write http://HOST:PORT or https://HOST:PORT, with a path behind it if need be";
    const char *authority = strncasecmp(text, "http://", 7) == 0    ? text + 7
                            : strncasecmp(text, "https://", 8) == 0 ? text + 8
                                                                    : NULL;
    if (strchr(text, '@')) {
        complaint->secret = true;
        return complain(complaint, "has a user name in it", "leave it out, and write username and password as options");
    }
    if (!authority)
        return complain(complaint, "is no URL of HTTP", remedy);
    size_t length = strcspn(authority, "/?#");
    const char *path = authority + length;
    bool possible = authority_possible(authority, length) && !path[strcspn(path, "?#\\\"<>")];
    for (const char *at = path; *at; at++)
        possible &= (unsigned char)*at > ' ' && (unsigned char)*at < 0x7f;
    return possible || complain(complaint, "is no URL of HTTP", remedy);
}

bool check_url_or_none(const char *text, struct complaint *complaint)
{
    return !*text || check_url(text, complaint);
}

/* What a pattern of names may have besides the letters, digits and %. */
struct naming {
    const char *marks;
    const char *times; /* letters of strftime(3) that write nothing else than such a name may have */
    bool upper;        /* upper-case letters */
    const char *remedy;
};

/* The character after what stands for something at a %; NULL where that is nothing known. */
static const char *variable_skip(const char *text, const char *times)
{
    static const char *const names[] = {"%{exporter}", "%{kind}", "%{namespace}"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(text, names[i], strlen(names[i])) == 0)
            return text + strlen(names[i]);
    }
    return text[1] && strchr(times, text[1]) ? text + 2 : NULL;
}

static bool pattern_check(const char *text, const struct naming *naming, struct complaint *complaint)
{
    if (!*text)
        return complain(complaint, "is empty", naming->remedy);
    if (strlen(text) > PATTERN_MOST)
        return complain(complaint, "is too long", naming->remedy);
    for (const char *at = text; *at;) {
        bool upper = isupper((unsigned char)*at);
        if (*at == '%') {
            at = variable_skip(at, naming->times);
            if (!at)
                return complain(complaint, "has a % before something without meaning",
                                "use %{exporter}, %{kind}, %{namespace} and the letters of strftime(3), as %Y.%m.%d");
        } else if ((isalnum((unsigned char)*at) && (naming->upper || !upper)) || strchr(naming->marks, *at)) {
            at++;
        } else {
            return complain(complaint, "has a character that such a name cannot have", naming->remedy);
        }
    }
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return complain(complaint, "is no name", naming->remedy);
    return true;
}

bool check_topic(const char *text, struct complaint *complaint)
{
    static const struct naming naming = {
        .marks = "._-",
        .times = "aAbBCdFgGhHIjmMpPSuUVwWyY",
        .upper = true,
        .remedy = "write letters, digits, dots, _ and -, as netflow or netflow-%{kind}",
    };
    return pattern_check(text, &naming, complaint);
}

bool check_topic_name(const char *text, struct complaint *complaint)
{
    if (strchr(text, '%'))
        return complain(complaint, "cannot have parts that change", "write one name, as weir-templates");
    return check_topic(text, complaint);
}

bool check_index(const char *text, struct complaint *complaint)
{
    static const struct naming naming = {
        .marks = "._-+@!$&'()=;^~{}[]",
        .times = "CdFgGHIjmMPSuUVwWyY%",
        .remedy = "write lower-case letters, digits, dots, _ and -, as logs-netflow.log-default or netflow-%Y.%m.%d",
    };
    if (*text && strchr("_-+", *text))
        return complain(complaint, "begins with _, - or +", naming.remedy);
    return pattern_check(text, &naming, complaint);
}

bool check_message_key(const char *text, struct complaint *complaint)
{
    static const char remedy[] = "write exporter, none, or the path of a field, as flow.id";
    const char *at = text;
    for (; *at; at += *at == '.') {
        size_t length = strcspn(at, ".");
        if (length == 0 || strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@-") < length)
            return complain(complaint, "is no field of a document", remedy);
        at += length;
        if (*at == '.' && !at[1])
            return complain(complaint, "is no field of a document", remedy);
    }
    return *text || complain(complaint, "is empty", remedy);
}
