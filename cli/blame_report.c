/* Numbers of any size in few columns: four digits each. */
#include "cli/blame_report.h"

#include "cli/whatif.h"

#define RANKING                                                                                    \
  {"CLIENT", "client", CELL_TEXT, false}, {"ROUNDS", "rounds", CELL_COUNT, false},                 \
      {"INFLUENCE", "influence_text", CELL_TEXT, false}, {"SHARE", "share", CELL_REAL, false},     \
      {"DIRECTION", "direction", CELL_REAL, false}, {                                              \
    "SKIPPED", "skipped", CELL_COUNT, true                                                         \
  }
static const struct column plain[] = {RANKING};
static const struct column evaluated[] = {
    RANKING, {"WITHOUT", "value_text", CELL_TEXT, false}, {"GAIN", "gain_text", CELL_TEXT, false}};
#undef RANKING

static const struct sheet plain_sheet = {"client", "Nobody's update counted.",
                                         sizeof plain / sizeof *plain, plain};
static const struct sheet evaluated_sheet = {"client", "Nobody's update counted.",
                                             sizeof evaluated / sizeof *evaluated, evaluated};

json_t *blame_report_clients(const struct blame *blame) {
  json_t *clients = json_array();
  for (size_t i = 0; i < blame->count; i++) {
    const struct blame_row *row = &blame->row[i];
    json_t *client =
        json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "client", row->client, "rounds",
                  (json_int_t)row->rounds, "skipped", (json_int_t)row->skipped, "influence",
                  row->influence, "share", row->share, "direction", row->direction);
    if (blame->is_evaluated) {
      json_object_set_new(client, "value", json_real(row->value));
      json_object_set_new(client, "gain", json_real(row->gain));
    }
    json_array_append_new(clients, client);
  }
  return clients;
}

json_t *blame_report_json(const struct blame *blame, const char *federation) {
  json_t *data = json_pack("{s:s, s:I, s:I, s:I, s:s, s:f, s:o}", "federation", federation, "since",
                           (json_int_t)blame->since, "round", (json_int_t)blame->round, "rounds",
                           (json_int_t)blame->rounds, "from", blame->by_gram ? "gram" : "updates",
                           "length", blame->length, "clients", blame_report_clients(blame));
  if (blame->is_evaluated) json_object_set_new(data, "value", json_real(blame->value));
  return data;
}

void blame_report_print(struct context *context, const json_t *clients, bool is_evaluated) {
  json_t *rows = json_deep_copy(clients), *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    whatif_digits(row, "influence", "influence_text", false);
    if (!is_evaluated) continue;
    whatif_digits(row, "value", "value_text", false);
    whatif_digits(row, "gain", "gain_text", true);
  }
  output_rows(context, is_evaluated ? &evaluated_sheet : &plain_sheet, rows);
  json_decref(rows);
}
