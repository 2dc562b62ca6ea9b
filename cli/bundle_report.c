/* One sentence a claim. Words of a bundle pass human_printable: they come from outside. */
#include "cli/bundle_report.h"

#include <assert.h>
#include <string.h>

#include "cli/human.h"
#include "cli/sentence.h"
#include "proto/canonical.h"

enum { TEXT_SIZE = 1024 };

/* Views that a sentence is made of; each call may use its own few. */
struct words {
  const json_t *claim;
  char text[6][OUTPUT_CELL_SIZE];
  size_t used;
};

static const char *word(struct words *words, const char *key) {
  assert(words->used < sizeof words->text / sizeof *words->text);
  return output_text(words->claim, key, words->text[words->used++], OUTPUT_CELL_SIZE);
}

static const char *short_word(struct words *words, const char *key) {
  return output_text(words->claim, key, words->text[words->used++], 13);
}

static long long number(const struct words *words, const char *key) {
  return (long long)output_integer(words->claim, key);
}

static bool has(const struct words *words, const char *key) {
  return json_object_get(words->claim, key) != NULL;
}

static bool is(const struct words *words, const char *key, const char *value) {
  const char *found = json_string_value(json_object_get(words->claim, key));
  return found != NULL && strcmp(found, value) == 0;
}

static void say_identity(struct words *w, char *out) {
  const char *key = word(w, "key"), *plus = strchr(key, '+');
  const char *end = plus == NULL ? NULL : strchr(plus + 1, '+'); /* name+hash8, without the rest */
  snprintf(out, TEXT_SIZE,
           "%s of %s signs with the key %.*s since entry %lld, by the invitation of %s in entry "
           "%lld.",
           word(w, "client"), word(w, "organisation"),
           end == NULL ? (int)strlen(key) : (int)(end - key), key, number(w, "index"),
           word(w, "invited_by"), number(w, "invited"));
}

static void say_round(struct words *w, char *out) {
  char counts[128] = "";
  long long round = number(w, "round"), index = number(w, "index");
  if (has(w, "accepted"))
    snprintf(counts, sizeof counts, " %lld accepted, %lld clipped, %lld held, %lld rejected.",
             number(w, "accepted"), number(w, "clipped"), number(w, "held"), number(w, "rejected"));
  if (is(w, "outcome", "promoted"))
    snprintf(out, TEXT_SIZE,
             "Round %lld made the model %s from the base %s by %s, and promoted it in entry "
             "%lld.%s",
             round, word(w, "model"), short_word(w, "base"), word(w, "rule"), index, counts);
  else if (is(w, "outcome", "held"))
    snprintf(out, TEXT_SIZE, "Round %lld promoted nothing, it was put on hold in entry %lld: %s.%s",
             round, index, word(w, "sentence"), counts);
  else if (is(w, "outcome", "abandoned"))
    snprintf(out, TEXT_SIZE, "Round %lld was abandoned in entry %lld, %s: %s.", round, index,
             word(w, "status"), word(w, "sentence"));
  else
    snprintf(out, TEXT_SIZE,
             "Round %lld, planned in entry %lld, was not over under this checkpoint.%s", round,
             number(w, "plan"), counts);
}

/* How its round ended, as far as it matters to an update that was let in. */
static const char *consequence(const struct words *w) {
  if (is(w, "outcome", "promoted")) return ", in the model that the round promoted";
  if (is(w, "outcome", "held")) return ", but the round was put on hold and promoted nothing";
  if (is(w, "outcome", "abandoned")) return ", but the round was abandoned";
  return "; the round was not over under this checkpoint";
}

static void say_update(struct words *w, char *out) {
  char start[256];
  double weight;
  snprintf(start, sizeof start, "The update %s of %s in round %lld (entry %lld)",
           short_word(w, "update"), word(w, "client"), number(w, "round"), number(w, "index"));
  bool is_in = is(w, "verdict", "accept") || is(w, "verdict", "clip");
  if (!has(w, "verdict"))
    snprintf(out, TEXT_SIZE, "%s was in time and never judged%s.", start, consequence(w));
  else if (!is_in)
    snprintf(out, TEXT_SIZE, "%s was %s, so it weighs nothing: %s.", start,
             is(w, "verdict", "hold") ? "held" : "rejected", word(w, "sentence"));
  else if (canonical_double(w->claim, "weight", &weight))
    snprintf(out, TEXT_SIZE, "%s was %s with weight %a (%.6g)%s.", start,
             is(w, "verdict", "clip") ? "clipped" : "accepted", weight, weight, consequence(w));
  else
    snprintf(out, TEXT_SIZE, "%s was accepted, and the rule gave it no weight%s.", start,
             consequence(w));
}

/* "c05 and 3 others": as many as a line has room for. */
static void list_names(const struct words *w, const char *key, char *out, size_t size) {
  const json_t *names = json_object_get(w->claim, key);
  size_t i, used = 0, count = json_array_size(names);
  *out = '\0';
  for (i = 0; i < count && used + 80 < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%.64s", i == 0 ? "" : ", ",
                             json_string_value(json_array_get(names, i)));
  if (i < count) snprintf(out + used, size - used, " and %zu others", count - i);
}

static void say_witnessed(struct words *w, char *out) {
  char names[300];
  list_names(w, "clients", names, sizeof names);
  snprintf(out, TEXT_SIZE,
           "The tree of %lld entries, which holds the candidate of round %lld, was cosigned by %zu "
           "clients of %lld organisations before the promotion (entry %lld), and the log goes on "
           "from it: %s.",
           number(w, "size"), number(w, "round"),
           json_array_size(json_object_get(w->claim, "clients")), number(w, "organisations"),
           number(w, "index"), names);
}

static void say_cosigned(struct words *w, char *out) {
  size_t clients = json_array_size(json_object_get(w->claim, "clients"));
  long long organisations = number(w, "organisations");
  char names[300];
  list_names(w, "clients", names, sizeof names);
  snprintf(
      out, TEXT_SIZE,
      "The checkpoint of %lld entries was cosigned by %zu client%s of %lld organisation%s: %s.",
      number(w, "size"), clients, clients == 1 ? "" : "s", organisations,
      organisations == 1 ? "" : "s", names);
}

static void say_rebuilt(struct words *w, char *out) {
  char names[300], end[128] = "";
  long long updates = number(w, "updates");
  list_names(w, "without", names, sizeof names);
  if (is(w, "outcome", "promoted"))
    snprintf(end, sizeof end, " It was promoted in entry %lld.", number(w, "end"));
  if (is(w, "outcome", "held"))
    snprintf(end, sizeof end, " It was put on hold in entry %lld.", number(w, "end"));
  snprintf(out, TEXT_SIZE,
           "Round %lld (entry %lld) redoes round %lld without %s, as %s ordered in entry %lld: it "
           "made the model %s from the base %s by %s with %lld update%s. It is %s.%s",
           number(w, "round"), number(w, "index"), number(w, "of"), names, word(w, "ordered_by"),
           number(w, "order"), short_word(w, "model"), short_word(w, "base"), word(w, "rule"),
           updates, updates == 1 ? "" : "s", word(w, "approximate"), end);
}

static void say_rebuild_failed(struct words *w, char *out) {
  snprintf(
      out, TEXT_SIZE,
      "Round %lld is where the rebuild that %s ordered in entry %lld ended, in entry %lld, %s: "
      "%s.",
      number(w, "round"), word(w, "ordered_by"), number(w, "order"), number(w, "index"),
      word(w, "status"), word(w, "sentence"));
}

static void say_again(struct words *w, char *out) {
  char start[256];
  double weight;
  snprintf(start, sizeof start, "The update %s of %s from round %lld (entry %lld)",
           short_word(w, "update"), word(w, "client"), number(w, "of"), number(w, "index"));
  if (is(w, "claim", "left-out"))
    snprintf(out, TEXT_SIZE, "%s is left out of round %lld, by the order in entry %lld.", start,
             number(w, "round"), number(w, "order"));
  else if (canonical_double(w->claim, "weight", &weight))
    snprintf(out, TEXT_SIZE, "%s counts again in round %lld with weight %a (%.6g).", start,
             number(w, "round"), weight, weight);
}

static void say_refusal(struct words *w, char *out) {
  snprintf(out, TEXT_SIZE, "What %s sent in round %lld, %s, was refused in entry %lld, %s: %s.",
           word(w, "client"), number(w, "round"), short_word(w, "update"), number(w, "index"),
           word(w, "status"), word(w, "sentence"));
}

static void say_absence(struct words *w, char *out) {
  if (is(w, "claim", "not-selected"))
    snprintf(out, TEXT_SIZE, "%s was not selected for round %lld: the plan's cohort is without it.",
             word(w, "client"), number(w, "round"));
  else
    snprintf(out, TEXT_SIZE, "%s was selected for round %lld, and %s.", word(w, "client"),
             number(w, "round"),
             output_flag(w->claim, "judged")
                 ? "no update of it was judged"
                 : "no update of it is in this bundle; the round was not judged");
}

static const struct bundle_entry *entry_at(const struct bundle *bundle, uint64_t index) {
  for (size_t i = 0; i < bundle->entry_count; i++)
    if (bundle->entry[i].index == index) return &bundle->entry[i];
  return NULL;
}

static void say_entry(const struct bundle_facts *facts, struct words *w, char *out) {
  const struct bundle_entry *entry = entry_at(facts->bundle, (uint64_t)number(w, "index"));
  json_t *row = entry == NULL ? NULL
                              : sentence_entry(facts->log_key.name, entry->index,
                                               entry->envelope.bytes, entry->envelope.length);
  char sentence[SENTENCE_SIZE];
  snprintf(out, TEXT_SIZE, "Entry %lld: %s.", number(w, "index"),
           output_text(row, "sentence", sentence, sizeof sentence));
  json_decref(row);
}

static void say(const struct bundle_facts *facts, const json_t *claim, char out[TEXT_SIZE]) {
  struct words w = {.claim = claim};
  out[0] = '\0';
  if (is(&w, "claim", "identity"))
    say_identity(&w, out);
  else if (is(&w, "claim", "round"))
    say_round(&w, out);
  else if (is(&w, "claim", "update"))
    say_update(&w, out);
  else if (is(&w, "claim", "witnessed"))
    say_witnessed(&w, out);
  else if (is(&w, "claim", "cosigned"))
    say_cosigned(&w, out);
  else if (is(&w, "claim", "rebuilt"))
    say_rebuilt(&w, out);
  else if (is(&w, "claim", "rebuild-failed"))
    say_rebuild_failed(&w, out);
  else if (is(&w, "claim", "counted-again") || is(&w, "claim", "left-out"))
    say_again(&w, out);
  else if (is(&w, "claim", "refusal"))
    say_refusal(&w, out);
  else if (is(&w, "claim", "not-selected") || is(&w, "claim", "silent"))
    say_absence(&w, out);
  else if (is(&w, "claim", "first-model"))
    snprintf(out, TEXT_SIZE, "The first model, %s, was brought by %s in entry %lld.",
             word(&w, "model"), word(&w, "signer"), number(&w, "index"));
  else
    say_entry(facts, &w, out);
}

static const char *limit_text(const char *limit) {
  if (strcmp(limit, "absence") == 0)
    return "that the log has no other entry about this: only the whole log shows that (tamis "
           "verify)";
  if (strcmp(limit, "not-recomputed") == 0)
    return "that the model is what those updates give: that is computed again with their bytes "
           "(tamis audit)";
  if (strcmp(limit, "approximate") == 0)
    return "how far a rebuilt model is from one that never had the updates left out: an "
           "evaluation can";
  if (strcmp(limit, "no-gram") == 0)
    return "how the verdicts came about: the Gram matrix of the updates is not in it";
  if (strcmp(limit, "witnesses") == 0)
    return "whose cosignatures the server counted before it promoted: the witness manifest is not "
           "in it, as only operators may read it";
  return limit;
}

json_t *bundle_report(const struct bundle_facts *facts, const json_t *about) {
  json_t *report = json_deep_copy(about), *claim;
  char text[TEXT_SIZE];
  uint64_t bytes = 0;
  size_t i;
  json_array_foreach(json_object_get(report, "claims"), i, claim) {
    say(facts, claim, text);
    json_object_set_new(claim, "text", json_string(text));
  }
  for (i = 0; i < facts->bundle->blob_count; i++) bytes += facts->bundle->blob[i].size;
  json_object_set_new(report, "entries", json_integer((json_int_t)facts->count));
  json_object_set_new(report, "blobs", json_integer((json_int_t)facts->bundle->blob_count));
  json_object_set_new(report, "bytes", json_integer((json_int_t)bytes));
  json_object_del(report, "format");
  json_object_del(report, "readme");
  return report;
}

void bundle_report_print(struct context *context, const json_t *report) {
  const json_t *each;
  char text[TEXT_SIZE];
  size_t i;
  fprintf(context->out, "\nIt shows:\n");
  json_array_foreach(json_object_get(report, "claims"), i, each)
      output_item(context, output_text(each, "text", text, sizeof text));
  fprintf(context->out, "\nIt does not show:\n");
  json_array_foreach(json_object_get(report, "limits"), i, each)
      output_item(context, limit_text(json_string_value(each)));
}
