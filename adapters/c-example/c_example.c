/* A whole adapter in C, written from juzhen_adapter.h and messages.md alone. It offers `publish` on the stand-in platform of
 * `juzhen sandbox`, with one request. README.md beside it says how to build and try it.
 *
 * It forwards the waker of its own future to the host's future, so it needs no thread and no event loop. Read it from the end:
 * the entry, `create`, `call`, `poll`, `drop`.
 */
#include "juzhen_adapter.h"

#include "json.h"

#define MANIFEST                                                                                                      \
    "{\"name\":\"c_example\",\"version\":\"0.1.0\",\"platform\":\"c_example\",\"title\":\"C\","                       \
    "\"operations\":[\"publish\"],\"egress\":[\"setting:base_url\"],\"secrets\":[{\"name\":\"access_token\"}],"       \
    "\"settings\":[{\"name\":\"base_url\",\"required\":true}],\"requires\":[\"http.v1\",\"secret.v1\"]}"

/* Read from the file before anything is loaded. */
__attribute__((used)) static const char marked[] = ADP_MANIFEST_BEGIN MANIFEST ADP_MANIFEST_END;

/* ---- Messages: head length, head, tail ---- */

static void free_bytes(uint8_t *ptr, size_t len, size_t cap) {
    (void)len, (void)cap;
    free(ptr);
}

/* Without bytes when one of the two is missing or there is no memory. */
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

static adp_slice slice(const char *s) { return (adp_slice){(const uint8_t *)s, strlen(s)}; }

/* ---- Errors ---- */

/* Why not: the kind with its fields, as messages.md lists them, and a sentence for people. */
typedef struct {
    const char *kind, *message;
} refusal;

static const refusal unsupported = {"\"kind\":\"unsupported\",\"what\":\"this operation\"", "only publish is offered"};
static const refusal no_pictures = {"\"kind\":\"unsupported\",\"what\":\"media\"", "pictures are not offered"};
static const refusal no_address = {"\"kind\":\"misconfigured\",\"key\":\"base_url\"", "the setting base_url is needed"};
static const refusal no_text = {"\"kind\":\"bug\"", "the request has no account or no text"};
static const refusal no_connection = {"\"kind\":\"retryable\"", "no connection"};
static const refusal in_doubt = {"\"kind\":\"in_doubt\"", "no answer says whether it is out"};

/* What the platform means by its statuses. What is not here: 4xx is a no to the content, all else leaves it open. */
static const struct {
    int status;
    refusal refusal;
} statuses[] = {
    {401, {"\"kind\":\"auth_expired\",\"secret\":\"access_token\"", "the token has expired"}},
    {403, {"\"kind\":\"rejected\",\"by\":\"permission\"", "the account may not post"}},
    {408, {"\"kind\":\"in_doubt\"", "the platform gave up waiting"}},
    {409, {"\"kind\":\"duplicate\"", "the platform has it already"}},
    {429, {"\"kind\":\"quota\",\"scope\":\"account\"", "too many posts"}},
};

static int32_t fails(adp_buf *out, refusal why) {
    char *head = print("{%s,\"message\":\"%s\"}", why.kind, why.message);
    *out = packed(head, "");
    free(head);
    return ADP_ERR;
}

static refusal meaning(int status) {
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status) return statuses[i].refusal;
    if (status >= 400 && status < 500) return (refusal){"\"kind\":\"rejected\"", "the platform refuses"};
    return in_doubt;
}

/* ---- One operation under way ---- */

typedef struct {
    adp_instance head; /* first, so that the two pointers are one */
    const adp_host *host;
} instance;

typedef struct {
    adp_future head;
    adp_future *asked; /* NULL when it was refused before anything was sent */
    refusal why;       /* then why */
} running;

/* What the platform's answer means. A 2xx whose id cannot be read was done, and only its answer is lost. */
static int32_t answered(const adp_buf *answer, adp_buf *out) {
    text head = part(answer->ptr, answer->len, 0), body = part(answer->ptr, answer->len, 1);
    int status = number(member(head, "status"));
    text id = string(member(body, "id")), url = string(member(body, "url"));
    if (status < 200 || status > 299) return fails(out, meaning(status));
    if (!is_whole(body) || id.len <= 2) return fails(out, in_doubt);
    const text null = {"null", 4};
    url = url.len > 0 ? url : null;
    char *said = print("{\"state\":\"published\",\"id\":%.*s,\"url\":%.*s}", SHOWN(id), SHOWN(url));
    *out = packed(said, "");
    free(said);
    return ADP_OK;
}

/* What it means that the host gives no answer: only an unreachable platform has certainly not seen the request. */
static int32_t unanswered(const adp_buf *answer, adp_buf *out) {
    text kind = inner(member(part(answer->ptr, answer->len, 0), "kind"));
    return fails(out, equals(kind, "unreachable") ? no_connection : in_doubt);
}

static int32_t poll(adp_future *self, const adp_waker *waker, adp_buf *out) {
    running *run = (running *)self;
    if (run->asked == NULL) return fails(out, run->why);
    adp_buf answer = {NULL, 0, 0, NULL};
    int32_t status = run->asked->vt->poll(run->asked, waker, &answer);
    if (status == ADP_PENDING) return ADP_PENDING; /* the host wakes our waker */
    status = status == ADP_OK ? answered(&answer, out) : unanswered(&answer, out);
    if (answer.free != NULL) answer.free(answer.ptr, answer.len, answer.cap); /* only after the last look at it */
    return status;
}

/* Called once, finished or not: unfinished, this is how the operation is cancelled, and dropping the host's future too is all
 * there is to do. */
static void drop(adp_future *self) {
    running *run = (running *)self;
    if (run->asked != NULL) run->asked->vt->drop(run->asked);
    free(run);
}

static const adp_future_vt future_table = {sizeof(adp_future_vt), 0, poll, drop};

/* ---- The request that makes the post visible ---- */

/* Its body: text, and title and link where there are any. */
static char *post_of(text body) {
    text title = string(member(body, "title")), link = string(member(body, "link"));
    char *titled = title.len == 0 ? print("") : print("\"title\":%.*s,", SHOWN(title));
    char *linked = link.len == 0 ? print("") : print("\"link\":%.*s,", SHOWN(link));
    text words = string(member(body, "text"));
    char *post = titled == NULL || linked == NULL
        ? NULL
        : print("{%s%s\"text\":%.*s,\"media\":[]}", titled, linked, SHOWN(words));
    free(titled), free(linked);
    return post;
}

/* Packed; without bytes when there is no memory. Strings stand in it as they stood in the request. */
static adp_buf request_to(text base, text uid, text key, text body) {
    const text empty = {"\"\"", 2};
    key = key.len > 0 ? key : empty;
    char *head = print("{\"method\":\"POST\",\"url\":\"%.*s/v1/accounts/%.*s/posts\",\"headers\":["
                       "[\"authorization\",\"Bearer {{secret:access_token}}\"],"
                       "[\"content-type\",\"application/json\"],[\"idempotency-key\",%.*s]]}",
                       SHOWN(base), SHOWN(uid), SHOWN(key));
    char *tail = post_of(body);
    adp_buf out = packed(head, tail);
    free(head), free(tail);
    return out;
}

/* Begins: the host's future, or NULL and the reason. */
static adp_future *begin(const instance *me, uint64_t scope, adp_slice op, text request, refusal *why) {
    text meta = member(request, "meta"), body = member(request, "body");
    text base = inner(member(member(meta, "settings"), "base_url")), uid = inner(member(meta, "uid"));
    if (op.len != 7 || memcmp(op.ptr, "publish", 7) != 0) return *why = unsupported, NULL;
    if (base.len == 0) return *why = no_address, NULL;
    if (uid.len == 0 || string(member(body, "text")).len == 0) return *why = no_text, NULL;
    if (has_items(member(body, "media"))) return *why = no_pictures, NULL; /* rather than a post without them */
    adp_buf out = request_to(base, uid, string(member(meta, "idempotency_key")), body);
    if (out.ptr == NULL) abort(); /* no memory: the daemon starts the process anew */
    adp_future *asked = me->host->vt->call(me->host, scope, slice("http.send"), (adp_slice){out.ptr, out.len});
    out.free(out.ptr, out.len, out.cap); /* the host has copied it */
    return asked;
}

static adp_future *call(const adp_instance *self, uint64_t scope, adp_slice op, adp_slice request) {
    running *run = calloc(1, sizeof *run);
    if (run == NULL) abort();
    run->head.vt = &future_table;
    run->asked = begin((const instance *)self, scope, op, part(request.ptr, request.len, 0), &run->why);
    return &run->head;
}

/* ---- The instance and the entry ---- */

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
    /* A host of a later minor version has a longer table, never a shorter one than 1.0. */
    if (host->vt->size < sizeof(adp_host_vt)) return fails(err, (refusal){"\"kind\":\"bug\"", "the host is older than 1.0"});
    instance *me = calloc(1, sizeof *me);
    if (me == NULL) return fails(err, (refusal){"\"kind\":\"bug\"", "out of memory"});
    me->head.vt = &instance_table;
    me->host = host->vt->retain(host); /* it was lent for this call only */
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
