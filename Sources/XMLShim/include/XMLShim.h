// A push parser over libxml2's SAX2 interface. This header shows no header of libxml2: those include ICU's, which clash with Foundation's own copy.
#ifndef XML_SHIM_H
#define XML_SHIM_H

#include <stddef.h>

#pragma clang assume_nonnull begin

typedef struct xmlshim_parser xmlshim_parser;

/// What a document may cost at most.
typedef struct {
  size_t depth;       // open elements at once
  size_t text_bytes;  // direct character data of one element
  size_t elements;    // elements of the document
} xmlshim_limits;

/// Receivers. Strings with a length are UTF-8 without a final zero; all pointers are valid during the call only, except that the addresses of
/// names and namespaces stay the same for equal strings as long as the parser lives (libxml2's dictionary), so that they can key a cache.
typedef struct {
  void *_Nullable context;
  /// `attributes` holds five pointers an attribute, as libxml2 gives them: local name, prefix, namespace, begin and end of the value.
  void (*_Nullable start)(void *_Nullable context, const char *name, const char *_Nullable namespace_uri,
                          const char *_Nullable const *_Nullable attributes, size_t attribute_count);
  /// `text` is all character data that stood directly in the element, concatenated.
  void (*_Nullable end)(void *_Nullable context, const char *text, size_t length);
} xmlshim_handler;

/// A parser for one UTF-8 document, or NULL without memory.
xmlshim_parser *_Nullable xmlshim_create(xmlshim_handler handler, xmlshim_limits limits);
void xmlshim_free(xmlshim_parser *parser);

/// Parses on; `last` is nonzero with the last (possibly empty) piece. Returns 0, or -1 when the document is refused: then see xmlshim_error.
int xmlshim_push(xmlshim_parser *parser, const char *bytes, size_t length, int last);

/// Whether the end of the root element has been seen.
int xmlshim_root_ended(const xmlshim_parser *parser);

/// The first error: its text (never empty after -1) and its place, counted from 1.
const char *xmlshim_error(const xmlshim_parser *parser, long *line, long *column);

#pragma clang assume_nonnull end

#endif
