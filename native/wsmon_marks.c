/* Marks of texts for the search index of wsmon: what wsmon.store.search.marks.PythonTextMarks computes, in C.
 *
 * The Python class is the definition; a test compares the two on random texts. Tokens are compared byte by byte, so no
 * peer can hide one behind another of the same hash, and the hash has a secret of the process.
 */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Of the marks: wsmon.store.schema.INDEX_VERSION */
#define INDEX_VERSION 8
#define SLOTS 16111
#define BACKSLASH_MARK SLOTS
#define EXPONENT_MARK (SLOTS + 1)
#define MARKS (SLOTS + 2)
#define RUN_BYTES 3
#define PIECE_BYTES 4
/* Room of the table of tokens in the beginning: twice what a block has */
#define FIRST_ROOM 2048
/* Tokens are hashed and compared so many bytes at a time: in the arena, zeros follow up to the next multiple */
#define WORD 8
/* Where the byte of a word lies in memory that has so many bits before it */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SHIFTED(bits) (56 - (bits))
#else
#define SHIFTED(bits) (bits)
#endif

typedef unsigned char byte;

typedef struct {
    uint32_t hash;
    /* Place of the token in the arena, in words, and its words; 0 = free */
    uint32_t place;
    size_t words;
} Token;

typedef struct {
    PyObject_HEAD
    /* The distinct tokens of the block: open addressing, the room is a power of two */
    Token *tokens;
    size_t room, count;
    /* The bytes of the tokens; room and use in words */
    byte *arena;
    size_t arena_room, arena_used;
    uint64_t secret;
    /* Which marks the block has */
    byte marks[MARKS];
} TextMarks;

/* A byte as it is in a token; 0 where it is in none */
static byte FOLDED[256];

static void fill_folded(void)
{
    for (int at = 0; at < 256; at++) {
        int is_letter = (at >= 'a' && at <= 'z') || at > 127;
        FOLDED[at] = at >= 'A' && at <= 'Z' ? at + 32 : is_letter || (at >= '0' && at <= '9') ? at : 0;
    }
}

static int is_digit(byte found)
{
    return found >= '0' && found <= '9';
}

static uint64_t word_of(const byte *token, size_t word)
{
    uint64_t found;
    memcpy(&found, token + word * WORD, WORD);
    return found;
}

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
    hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93ull;
    return hash ^ (hash >> 29);
}

static int is_equal(const byte *one, const byte *other, size_t words)
{
    for (size_t word = 0; word < words; word++) {
        if (word_of(one, word) != word_of(other, word)) {
            return 0;
        }
    }
    return 1;
}

static int grow(TextMarks *self)
{
    size_t room = self->room ? self->room * 4 : FIRST_ROOM;
    Token *tokens = calloc(room, sizeof(Token));
    if (tokens == NULL) {
        return -1;
    }
    for (size_t old = 0; old < self->room; old++) {
        if (self->tokens[old].words) {
            size_t at = self->tokens[old].hash & (room - 1);
            while (tokens[at].words) {
                at = (at + 1) & (room - 1);
            }
            tokens[at] = self->tokens[old];
        }
    }
    free(self->tokens);
    self->tokens = tokens;
    self->room = room;
    return 0;
}

/* Add the token at the end of the arena to those of the block: 1 = it is new, and kept; 0 = known; -1 = no memory */
static int add_token(TextMarks *self, size_t words, uint32_t hash)
{
    if (2 * self->count >= self->room && grow(self) < 0) {
        return -1;
    }
    const byte *token = self->arena + self->arena_used * WORD;
    size_t at = hash & (self->room - 1);
    for (; self->tokens[at].words; at = (at + 1) & (self->room - 1)) {
        const Token *known = &self->tokens[at];
        if (known->hash == hash && known->words == words
            && is_equal(self->arena + (size_t)known->place * WORD, token, words)) {
            return 0;
        }
    }
    self->tokens[at] = (Token){hash, (uint32_t)self->arena_used, words};
    self->arena_used += words;
    self->count++;
    return 1;
}

/* Make room in the arena for a token of at most so many bytes */
static int make_room(TextMarks *self, size_t length)
{
    size_t needed = self->arena_used + length / WORD + 2;
    if (needed <= self->arena_room) {
        return 0;
    }
    if (needed > UINT32_MAX / 2) {
        return -1;
    }
    byte *arena = realloc(self->arena, 2 * needed * WORD);
    if (arena == NULL) {
        return -1;
    }
    self->arena = arena;
    self->arena_room = 2 * needed;
    return 0;
}

static void mark_token(byte *marks, const byte *token, size_t length, int has_others)
{
    /* What is not of ASCII letters alone is cut into pieces */
    for (size_t first = 0; has_others && first <= 2; first += 2) {
        for (size_t at = first; at + PIECE_BYTES <= length; at += PIECE_BYTES) {
            uint32_t piece = token[at] | (uint32_t)token[at + 1] << 8 | (uint32_t)token[at + 2] << 16
                | (uint32_t)token[at + 3] << 24;
            marks[piece % SLOTS] = 1;
        }
    }
    size_t run = 0;
    for (size_t at = 0; at < length; at++) {
        run = is_digit(token[at]) ? 0 : run + 1;
        if (run >= RUN_BYTES) {
            uint32_t piece = token[at - 2] | (uint32_t)token[at - 1] << 8 | (uint32_t)token[at] << 16;
            marks[piece % SLOTS] = 1;
        }
    }
}

static int may_precede(byte found)
{
    return found == '[' || found == ':' || found == ',' || found == ' ' || (found >= '\t' && found <= '\r');
}

/* Whether a number of JSON with an exponent begins with a token at a place of a text */
static int is_exponent(const byte *text, Py_ssize_t length, Py_ssize_t at)
{
    Py_ssize_t before = at;
    if (before && text[before - 1] == '-') {
        before--;
    }
    if (before && !may_precede(text[before - 1])) {
        return 0;
    }
    while (at < length && is_digit(text[at])) {
        at++;
    }
    if (at + 1 < length && text[at] == '.' && is_digit(text[at + 1])) {
        for (at++; at < length && is_digit(text[at]);) {
            at++;
        }
    }
    if (at >= length || (text[at] | 32) != 'e') {
        return 0;
    }
    at++;
    if (at < length && (text[at] == '-' || text[at] == '+')) {
        at++;
    }
    if (at >= length || !is_digit(text[at])) {
        return 0;
    }
    while (at < length && is_digit(text[at])) {
        at++;
    }
    return at == length || !FOLDED[text[at]];
}

static int add_text(TextMarks *self, const byte *text, Py_ssize_t length)
{
    for (Py_ssize_t at = 0; at < length;) {
        byte folded = FOLDED[text[at]];
        if (!folded) {
            self->marks[BACKSLASH_MARK] |= text[at++] == '\\';
            continue;
        }
        if (is_digit(folded) && !self->marks[EXPONENT_MARK]) {
            self->marks[EXPONENT_MARK] = is_exponent(text, length, at);
        }
        if (make_room(self, length - at) < 0) {
            return -1;
        }
        /* Bytes are put together in a register: a processor waits for the store of each before it loads a word of them */
        byte *token = self->arena + self->arena_used * WORD;
        uint64_t word = 0, hash = self->secret;
        size_t words = 0;
        Py_ssize_t first = at;
        int bits = 0, has_others = 0;
        for (; at < length && (folded = FOLDED[text[at]]); at++) {
            word |= (uint64_t)folded << SHIFTED(bits);
            bits += 8;
            has_others |= folded < 'a' || folded > 'z';
            if (bits == 8 * WORD) {
                memcpy(token + words++ * WORD, &word, WORD);
                hash = mixed(hash, word);
                word = 0;
                bits = 0;
            }
        }
        if (bits) {
            memcpy(token + words++ * WORD, &word, WORD);
            hash = mixed(hash, word);
        }
        int is_new = add_token(self, words, (uint32_t)hash);
        if (is_new < 0) {
            return -1;
        }
        if (is_new) {
            mark_token(self->marks, token, at - first, has_others);
        }
    }
    return 0;
}

static PyObject *text_marks_add(TextMarks *self, PyObject *texts)
{
    if (!PyList_Check(texts)) {
        return PyErr_Format(PyExc_TypeError, "a list of texts");
    }
    for (Py_ssize_t at = 0; at < PyList_Size(texts); at++) {
        PyObject *text = PyList_GetItem(texts, at);
        PyObject *encoded = NULL;
        Py_ssize_t length;
        if (text == NULL || !PyUnicode_Check(text)) {
            return PyErr_Format(PyExc_TypeError, "a list of texts");
        }
        const char *bytes = PyUnicode_AsUTF8AndSize(text, &length);
        if (bytes == NULL) {
            /* Bytes that are not UTF-8, as surrogates */
            PyErr_Clear();
            encoded = PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape");
            if (encoded == NULL || PyBytes_AsStringAndSize(encoded, (char **)&bytes, &length) < 0) {
                Py_XDECREF(encoded);
                return NULL;
            }
        }
        int failed = add_text(self, (const byte *)bytes, length);
        Py_XDECREF(encoded);
        if (failed) {
            return PyErr_NoMemory();
        }
    }
    return PyLong_FromSize_t(self->count);
}

static void forget(TextMarks *self)
{
    free(self->tokens);
    free(self->arena);
    self->tokens = NULL;
    self->arena = NULL;
    self->room = self->arena_room = 0;
}

static PyObject *text_marks_take(TextMarks *self, PyObject *arguments)
{
    Py_buffer lane;
    byte bit;
    if (!PyArg_ParseTuple(arguments, "w*b", &lane, &bit)) {
        return NULL;
    }
    if (lane.len < MARKS) {
        PyBuffer_Release(&lane);
        return PyErr_Format(PyExc_ValueError, "a lane has %d bytes at least", MARKS);
    }
    byte *bits = lane.buf;
    for (int mark = 0; mark < MARKS; mark++) {
        bits[mark] |= self->marks[mark] ? bit : 0;
    }
    PyBuffer_Release(&lane);
    memset(self->marks, 0, MARKS);
    if (self->room > FIRST_ROOM) {
        /* A block of many tokens, which is rare */
        forget(self);
    } else if (self->room) {
        memset(self->tokens, 0, self->room * sizeof(Token));
    }
    self->count = self->arena_used = 0;
    Py_RETURN_NONE;
}

static PyObject *text_marks_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    if (!PyArg_ParseTuple(arguments, "") || (keywords != NULL && PyDict_Size(keywords))) {
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "no arguments");
    }
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    TextMarks *self = (TextMarks *)alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    /* Hashes of texts are keyed with a secret of the process */
    PyObject *text = PyUnicode_FromString("wsmon_marks");
    Py_hash_t secret = text == NULL ? -1 : PyObject_Hash(text);
    Py_XDECREF(text);
    if (secret == -1) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    self->secret = (uint64_t)secret;
    return (PyObject *)self;
}

static void text_marks_dealloc(TextMarks *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    forget(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF((PyObject *)type);
}

static PyMethodDef text_marks_methods[] = {
    {"add", (PyCFunction)text_marks_add, METH_O,
     "Add a list of texts of the block; returns how many distinct tokens it has so far."},
    {"take", (PyCFunction)text_marks_take, METH_VARARGS,
     "Set a bit in the bytes of a lane at the place of each mark of the block, and begin the next block."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot text_marks_slots[] = {
    {Py_tp_doc, "The marks of the texts of one block after the other."},
    {Py_tp_new, text_marks_new},
    {Py_tp_dealloc, text_marks_dealloc},
    {Py_tp_methods, text_marks_methods},
    {0, NULL},
};

static PyType_Spec text_marks_spec = {"wsmon_marks.TextMarks", sizeof(TextMarks), 0, Py_TPFLAGS_DEFAULT, text_marks_slots};

static int fill_module(PyObject *module)
{
    fill_folded();
    PyObject *type = PyType_FromSpec(&text_marks_spec);
    int failed = type == NULL || PyModule_AddObjectRef(module, "TextMarks", type) < 0;
    Py_XDECREF(type);
    return failed || PyModule_AddIntConstant(module, "INDEX_VERSION", INDEX_VERSION) < 0 ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill_module}, {0, NULL}};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "wsmon_marks", "Marks of texts for the search index of wsmon.", 0, NULL, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_wsmon_marks(void)
{
    return PyModuleDef_Init(&module_definition);
}
