/* A whole adapter in C, written from juzhen_adapter.h and messages.md alone. It offers `publish` on the stand-in
 * platform of `juzhen sandbox`, with one request.
 *
 *     cc -std=c11 -O2 -shared -fPIC -fvisibility=hidden -I include examples/c_adapter.c -o libc_adapter.so
 *
 * It forwards the waker of its own future to the host's future, so it needs no thread and no event loop. Strings of
 * the request are passed on as they stand in the JSON, quotes and escapes included, so it needs no JSON library.
 */
#include "juzhen_adapter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANIFEST                                                                                                      \
    "{\"name\":\"c_adapter\",\"version\":\"0.1.0\",\"platform\":\"c_adapter\",\"title\":\"C\","                       \
    "\"operations\":[\"publish\"],\"egress\":[\"setting:base_url\"],\"secrets\":[{\"name\":\"access_token\"}],"       \
    "\"settings\":[{\"name\":\"base_url\",\"required\":true}],\"requires\":[\"http.v1\",\"secret.v1\"]}"

/* Read from the file before anything is loaded. */
__attribute__((used)) static const char marked[] = ADP_MANIFEST_BEGIN MANIFEST ADP_MANIFEST_END;

typedef struct {
    const char *at;
    size_t len;
} text;

/* ---- Reading JSON: only as much as it takes to find a member ---- */

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

/* What stands between the quotes of a JSON string; empty for anything else. */
static text inner(text string) {
    if (string.len < 2 || string.at[0] != '"') return (text){"", 0};
    return (text){string.at + 1, string.len - 2};
}

/* A whole number; 0 for anything else. */
static int number(text digits) {
    int value = 0;
    for (size_t i = 0; i < digits.len && i < 9; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9') return 0;
        value = 10 * value + (digits.at[i] - '0');
    }
    return value;
}

/* ---- Writing messages ---- */

static void free_bytes(uint8_t *ptr, size_t len, size_t cap) {
    (void)len, (void)cap;
    free(ptr);
}

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

/* Head length, head, tail. */
static adp_buf packed(const char *head, const char *tail) {
    const adp_buf none = {NULL, 0, 0, NULL};
    if (head == NULL || tail == NULL) return none;
    size_t head_len = strlen(head), len = 4 + head_len + strlen(tail);
    uint8_t *out = malloc(len);
    if (out == NULL) return none;
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(head_len >> (8 * i));
    memcpy(out + 4, head, head_len);
    memcpy(out + 4 + head_len, tail, len - 4 - head_len);
    return (adp_buf){out, len, len, free_bytes};
}

/* The head, or the tail when `tail`, of a packed message; empty when it is cut. */
static text part(const uint8_t *bytes, size_t len, int tail) {
    if (len < 4) return (text){"", 0};
    size_t head = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    if (head > len - 4) return (text){"", 0};
    const char *at = (const char *)bytes + 4;
    return tail ? (text){at + head, len - 4 - head} : (text){at, head};
}

static int32_t error(adp_buf *out, const char *kind_and_fields, const char *message) {
    char *head = print("{%s,\"message\":\"%s\"}", kind_and_fields, message);
    *out = packed(head, "");
    free(head);
    return ADP_ERR;
}

static adp_slice slice(const char *s) { return (adp_slice){(const uint8_t *)s, strlen(s)}; }

/* ---- The instance ---- */

typedef struct {
    adp_instance head; /* first, so that the two pointers are one */
    const adp_host *host;
} instance;

/* One operation under way. `asked` is NULL when it was refused before anything was sent. */
typedef struct {
    adp_future head;
    adp_future *asked;
    const char *kind_and_fields, *message;
} running;

/* What the platform's answer means. */
static int32_t answered(const adp_buf *answer, adp_buf *out) {
    text head = part(answer->ptr, answer->len, 0), body = part(answer->ptr, answer->len, 1);
    int status = number(member(head, "status"));
    text id = member(body, "id"), url = member(body, "url");
    if (status == 201 && inner(id).len > 0) {
        char *said = print("{\"state\":\"published\",\"id\":%.*s,\"url\":%.*s}", (int)id.len, id.at,
                           url.len > 0 ? (int)url.len : 4, url.len > 0 ? url.at : "null");
        *out = packed(said, "");
        free(said);
        return ADP_OK;
    }
    if (status == 401) return error(out, "\"kind\":\"auth_expired\",\"secret\":\"access_token\"", "token expired");
    if (status >= 400 && status < 500) return error(out, "\"kind\":\"rejected\"", "the platform refuses");
    return error(out, "\"kind\":\"in_doubt\"", "the platform's answer leaves it open");
}

/* What it means that the host gives no answer: only an unreachable platform has certainly not seen the request. */
static int32_t unanswered(const adp_buf *answer, adp_buf *out) {
    text kind = inner(member(part(answer->ptr, answer->len, 0), "kind"));
    if (kind.len == 11 && memcmp(kind.at, "unreachable", 11) == 0)
        return error(out, "\"kind\":\"retryable\"", "no connection");
    return error(out, "\"kind\":\"in_doubt\"", "no answer");
}

static int32_t poll(adp_future *self, const adp_waker *waker, adp_buf *out) {
    running *run = (running *)self;
    if (run->asked == NULL) return error(out, run->kind_and_fields, run->message);
    adp_buf answer = {NULL, 0, 0, NULL};
    int32_t status = run->asked->vt->poll(run->asked, waker, &answer);
    if (status == ADP_PENDING) return ADP_PENDING; /* the host wakes our waker */
    status = status == ADP_OK ? answered(&answer, out) : unanswered(&answer, out);
    if (answer.free != NULL) answer.free(answer.ptr, answer.len, answer.cap);
    return status;
}

static void drop(adp_future *self) {
    running *run = (running *)self;
    if (run->asked != NULL) run->asked->vt->drop(run->asked);
    free(run);
}

static const adp_future_vt future_table = {sizeof(adp_future_vt), 0, poll, drop};

/* The request that makes the post visible, packed; without bytes when a setting is missing. */
static adp_buf request_for(text request) {
    text meta = member(request, "meta"), body = member(request, "body");
    text base = inner(member(member(meta, "settings"), "base_url")), uid = inner(member(meta, "uid"));
    text key = member(meta, "idempotency_key"), post = member(body, "text");
    if (base.len == 0 || uid.len == 0 || post.len == 0) return (adp_buf){NULL, 0, 0, NULL};
    char *head = print("{\"method\":\"POST\",\"url\":\"%.*s/v1/accounts/%.*s/posts\",\"headers\":["
                       "[\"authorization\",\"Bearer {{secret:access_token}}\"],"
                       "[\"content-type\",\"application/json\"],[\"idempotency-key\",%.*s]]}",
                       (int)base.len, base.at, (int)uid.len, uid.at, key.len > 0 ? (int)key.len : 2,
                       key.len > 0 ? key.at : "\"\"");
    char *tail = print("{\"text\":%.*s,\"media\":[]}", (int)post.len, post.at);
    adp_buf out = packed(head, tail);
    free(head), free(tail);
    return out;
}

static adp_future *call(const adp_instance *self, uint64_t scope, adp_slice op, adp_slice request) {
    const instance *me = (const instance *)self;
    running *run = calloc(1, sizeof *run);
    if (run == NULL) abort();
    run->head.vt = &future_table;
    if (op.len != 7 || memcmp(op.ptr, "publish", 7) != 0) {
        run->kind_and_fields = "\"kind\":\"unsupported\",\"what\":\"this operation\"";
        run->message = "only publish is offered";
        return &run->head;
    }
    adp_buf out = request_for(part(request.ptr, request.len, 0));
    if (out.ptr == NULL) {
        run->kind_and_fields = "\"kind\":\"misconfigured\",\"key\":\"base_url\"";
        run->message = "base_url, uid and text are needed";
        return &run->head;
    }
    run->asked = me->host->vt->call(me->host, scope, slice("http.send"), (adp_slice){out.ptr, out.len});
    out.free(out.ptr, out.len, out.cap);
    return &run->head;
}

static void destroy(adp_instance *self) {
    instance *me = (instance *)self;
    me->host->vt->release(me->host);
    free(me);
}

static const void *no_extension(const adp_instance *self, adp_slice id) {
    (void)self, (void)id;
    return NULL;
}

static const adp_instance_vt instance_table = {sizeof(adp_instance_vt), 0, call, destroy, no_extension};

static int32_t create(const adp_host *host, adp_slice config, adp_instance **out, adp_buf *err) {
    (void)config; /* it has no settings of its own */
    if (host->vt->size < sizeof(adp_host_vt)) return error(err, "\"kind\":\"bug\"", "the host is older than 1.0");
    instance *me = calloc(1, sizeof *me);
    if (me == NULL) return error(err, "\"kind\":\"bug\"", "out of memory");
    me->head.vt = &instance_table;
    me->host = host->vt->retain(host);
    *out = &me->head;
    return ADP_OK;
}

__attribute__((visibility("default"))) const adp_entry adp_entry_v1 = {
    .magic = ADP_MAGIC,
    .size = sizeof(adp_entry),
    .abi_major = ADP_ABI_MAJOR,
    .abi_minor = ADP_ABI_MINOR,
    .flags = ADP_FLAG_UNWINDS, /* nothing here can panic */
    .codec = ADP_CODEC_JSON,
    .manifest = {(const uint8_t *)marked + sizeof(ADP_MANIFEST_BEGIN) - 1, sizeof(MANIFEST) - 1},
    .build_info = {(const uint8_t *)"C " __VERSION__, sizeof("C " __VERSION__) - 1},
    .create = create,
};
