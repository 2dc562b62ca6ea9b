/* A walk over two JSON trees side by side. Both come from canonical bytes, so equal trees are equal
 * bytes. */
#include "audit/differ.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"

/* Where the walk is. */
struct place {
  const char *list;   /* the list of objects that it is in, or NULL */
  const char *client; /* whose element of it, or NULL */
  const char *name;   /* of a remembered vector, or NULL */
};

static void value_print(const json_t *value, char *out, size_t size) {
  double number;
  if (!value)
    snprintf(out, size, "nothing");
  else if (canonical_f64_read(value, &number))
    snprintf(out, size, "%a", number);
  else if (json_is_string(value))
    snprintf(out, size, "\"%s\"", json_string_value(value));
  else if (json_is_integer(value))
    snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  else
    snprintf(out, size,
             json_is_array(value)    ? "a list"
             : json_is_object(value) ? "an object"
                                     : "true or false");
}

static void what_print(const struct place *place, const char *field, char *out, size_t size) {
  if (place->client && strcmp(place->list, "clients") == 0)
    snprintf(out, size, "client %s's %s after the round", place->client, field);
  else if (place->client)
    snprintf(out, size, "client %s's %s", place->client, field);
  else if (place->name)
    snprintf(out, size, "the %s of the remembered %s", field, place->name);
  else
    snprintf(out, size, "the %s", field);
}

static bool tell(const struct place *place, const char *field, const json_t *expected,
                 const json_t *found, struct difference *difference) {
  what_print(place, field, difference->what, sizeof difference->what);
  value_print(expected, difference->expected, sizeof difference->expected);
  value_print(found, difference->found, sizeof difference->found);
  return true;
}

static bool differ_value(const struct place *place, const char *field, const json_t *expected,
                         const json_t *found, struct difference *difference);

static bool differ_object(const struct place *place, const json_t *expected, const json_t *found,
                          struct difference *difference) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)expected, key, value) {
    if (differ_value(place, key, value, json_object_get(found, key), difference)) return true;
  }
  json_object_foreach((json_t *)found, key, value) {
    if (!json_object_get(expected, key)) return tell(place, key, NULL, value, difference);
  }
  return false;
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = NULL;
  return canonical_text(object, key, &text) ? text : NULL;
}

static bool differ_list(const char *field, const json_t *expected, const json_t *found,
                        struct difference *difference) {
  size_t n = json_array_size(expected), m = json_array_size(found);
  struct place outside = {NULL, NULL, NULL};
  char what[64];
  for (size_t i = 0; i < n || i < m; i++) {
    const json_t *left = json_array_get(expected, i), *right = json_array_get(found, i);
    const char *client = text_of(left, "client"), *other = text_of(right, "client");
    struct place place = {field, client, text_of(left, "name")};
    snprintf(what, sizeof what, "place %zu of \"%s\"", i, field);
    if ((client || other) && (!client || !other || strcmp(client, other) != 0))
      return tell(&outside, what, json_object_get(left, "client"), json_object_get(right, "client"),
                  difference);
    if (json_is_object(left) && json_is_object(right)
            ? differ_object(&place, left, right, difference)
            : differ_value(&outside, what, left, right, difference))
      return true;
  }
  return false;
}

static bool differ_value(const struct place *place, const char *field, const json_t *expected,
                         const json_t *found, struct difference *difference) {
  if (expected && found && json_equal(expected, found)) return false;
  if (json_is_array(expected) && json_is_array(found))
    return differ_list(field, expected, found, difference);
  if (json_is_object(expected) && json_is_object(found))
    return differ_object(place, expected, found, difference);
  return tell(place, field, expected, found, difference);
}

/* What was made of each update comes first: the histories follow from it. */
static bool differ_manifest(const json_t *expected, const json_t *found,
                            struct difference *difference) {
  struct place place = {NULL, NULL, NULL};
  const json_t *updates = json_object_get(expected, "updates");
  if (json_equal(expected, found)) return false;
  if (updates && json_is_array(json_object_get(found, "updates")) &&
      differ_list("updates", updates, json_object_get(found, "updates"), difference))
    return true;
  return differ_value(&place, "manifest", expected, found, difference);
}

static bool differ_subject(const struct proposal *proposal, const struct statement *statement,
                           struct difference *difference) {
  char expected[DIGEST_HEX_SIZE], found[DIGEST_HEX_SIZE];
  for (size_t i = 0; i < proposal->subject_count && i < statement->subject_count; i++) {
    if (digest_equal(&proposal->subject[i], &statement->subject[i])) continue;
    digest_to_hex(&proposal->subject[i], expected);
    digest_to_hex(&statement->subject[i], found);
    snprintf(difference->what, sizeof difference->what, "the %s", proposal->subject_name[i]);
    snprintf(difference->expected, sizeof difference->expected, "%s", expected);
    snprintf(difference->found, sizeof difference->found, "%s", found);
    return true;
  }
  return false;
}

bool differ(const struct proposal *proposal, const struct statement *statement,
            const json_t *manifest, struct difference *difference) {
  struct place place = {NULL, NULL, NULL};
  if (proposal->kind != statement->kind) {
    snprintf(difference->what, sizeof difference->what, "the entry");
    snprintf(difference->expected, sizeof difference->expected, "of kind %s",
             statement_kind_name(proposal->kind));
    snprintf(difference->found, sizeof difference->found, "of kind %s",
             statement_kind_name(statement->kind));
    return true;
  }
  if (proposal->manifest_json && differ_manifest(proposal->manifest_json, manifest, difference))
    return true;
  return differ_object(&place, proposal->predicate, statement->predicate, difference) ||
         differ_subject(proposal, statement, difference);
}
