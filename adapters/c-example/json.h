/* As much of JSON as the example needs: finding a member, and writing messages. A value stays as it stands in the text, quotes
 * and escapes included, so that it can be passed on without being understood. */
#ifndef C_EXAMPLE_JSON_H
#define C_EXAMPLE_JSON_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *at;
    size_t len;
} text;

/* ---- Reading ---- */

static const char *skip_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\') at++;
    return at < end ? at + 1 : end;
}

static const char *skip_value(const char *at, const char *end) {
    size_t depth = 0;
    do {
        at = skip_space(at, end);
        if (at >= end) return end;
        if (*at == '"') {
            at = skip_string(at, end);
        } else if (*at == '{' || *at == '[') {
            depth++, at++;
        } else if (*at == '}' || *at == ']') {
            if (depth == 0) return at; /* not a value at all */
            depth--, at++;
        } else if (*at == ',' || *at == ':') {
            at++;
        } else { /* a number, true, false, null */
            for (at++; at < end && strchr(",:]} \t\r\n", *at) == NULL; at++) continue;
        }
    } while (depth > 0);
    return at;
}

/* The value of `key` in the object, as it stands; empty when there is none. */
static text member(text object, const char *key) {
    const char *end = object.at + object.len, *at = skip_space(object.at, end);
    const text none = {"", 0};
    if (at >= end || *at != '{') return none;
    for (at++;;) {
        at = skip_space(at, end);
        if (at >= end || *at != '"') return none;
        const char *name = at + 1, *name_end = skip_string(at, end);
        int same = (size_t)(name_end - name) == strlen(key) + 1 && memcmp(name, key, strlen(key)) == 0;
        at = skip_space(name_end, end);
        if (at >= end || *at != ':') return none;
        const char *value = skip_space(at + 1, end), *value_end = skip_value(value, end);
        if (same) return (text){value, (size_t)(value_end - value)};
        at = skip_space(value_end, end);
        if (at >= end || *at != ',') return none;
        at++;
    }
}

/* Whether the text is one object from its first brace to its last: one that was cut on its way is none. */
static int is_whole(text object) {
    const char *end = object.at + object.len, *at = skip_space(object.at, end);
    size_t depth = 0;
    if (at >= end || *at != '{') return 0;
    do {
        if (at >= end) return 0;
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    } while (depth > 0);
    return skip_space(at, end) == end;
}

/* The value when it is a string, with its quotes; empty for anything else, null included. */
static text string(text value) {
    return value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"' ? value : (text){"", 0};
}

/* What stands between the quotes of a string; empty for anything else. */
static text inner(text value) {
    text quoted = string(value);
    return quoted.len == 0 ? quoted : (text){quoted.at + 1, quoted.len - 2};
}

/* Whether the value is a list with something in it. */
static int has_items(text value) {
    if (value.len == 0 || value.at[0] != '[') return 0;
    const char *at = skip_space(value.at + 1, value.at + value.len);
    return at < value.at + value.len && *at != ']';
}

/* A whole number of up to nine digits; 0 for anything else. */
static int number(text digits) {
    int value = 0;
    if (digits.len > 9) return 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9') return 0;
        value = 10 * value + (digits.at[i] - '0');
    }
    return value;
}

static int equals(text value, const char *word) {
    return value.len == strlen(word) && memcmp(value.at, word, value.len) == 0;
}

/* ---- Writing ---- */

/* As sprintf, into memory of its own; NULL when there is none. */
static char *print(const char *format, ...) {
    va_list a, b;
    va_start(a, format);
    va_copy(b, a);
    int len = vsnprintf(NULL, 0, format, a);
    char *out = len < 0 ? NULL : malloc((size_t)len + 1);
    if (out != NULL) vsnprintf(out, (size_t)len + 1, format, b);
    va_end(a), va_end(b);
    return out;
}

/* For "%.*s". Nothing that crosses the boundary is longer than an int can count. */
#define SHOWN(value) (int)(value).len, (value).at

#endif
