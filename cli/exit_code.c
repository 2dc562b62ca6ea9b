/* The table from every reason to say no to an exit code and a hint (ecosystem conventions, 2). */
#include "cli/exit_code.h"

#define CHECK_HOME "check --home and --address: is this the server that `tamis init` made?"
#define SERVER_SIDE "this is the server's trouble: look at the log of tamisd"
#define LOG_BROKEN "do not go on with this server before it is explained; keep what it sent"

static const struct {
  enum exit_code code;
  const char *hint;
} row[TAMIS_STATUS_COUNT] = {
    [TAMIS_OK] = {EXIT_CODE_OK, ""},
    [TAMIS_BAD_REQUEST] = {EXIT_CODE_USAGE, "see: tamis help"},
    [TAMIS_BAD_STATEMENT] = {EXIT_CODE_USAGE, "a value is out of range: see --help of the command"},
    [TAMIS_BAD_SIGNATURE] = {EXIT_CODE_AUTH, CHECK_HOME},
    [TAMIS_NO_SESSION] = {EXIT_CODE_AUTH, CHECK_HOME},
    [TAMIS_UNKNOWN_CLIENT] = {EXIT_CODE_AUTH, CHECK_HOME},
    [TAMIS_KEY_REVOKED] = {EXIT_CODE_AUTH, "the key can not come back: invite the client anew"},
    [TAMIS_EXCLUDED] = {EXIT_CODE_AUTH, "see: tamis client reinstate"},
    [TAMIS_KNOWN_BAD] = {EXIT_CODE_AUTH, "see: tamis feed show"},
    [TAMIS_BAD_TOKEN] = {EXIT_CODE_AUTH, "make a new invitation: tamis client invite"},
    [TAMIS_TOKEN_EXPIRED] = {EXIT_CODE_AUTH, "make a new invitation: tamis client invite"},
    [TAMIS_DENIED] = {EXIT_CODE_AUTH, CHECK_HOME},
    [TAMIS_COSIGNER_MISSING] = {EXIT_CODE_PENDING, "see: tamis proposals, tamis cosign"},
    [TAMIS_WRONG_ORIGIN] = {EXIT_CODE_AUTH, CHECK_HOME},
    [TAMIS_UNKNOWN_FEDERATION] = {EXIT_CODE_NOT_FOUND, "see what there is: tamis federation list"},
    [TAMIS_NOT_FOUND] = {EXIT_CODE_NOT_FOUND, ""},
    [TAMIS_NOT_SELECTED] = {EXIT_CODE_CONFLICT, ""},
    [TAMIS_STALE_ROUND] = {EXIT_CODE_CONFLICT, "look again, then repeat: the state moved on"},
    [TAMIS_WRONG_BASE] = {EXIT_CODE_CONFLICT, "look again, then repeat: the state moved on"},
    [TAMIS_CONFLICT] = {EXIT_CODE_CONFLICT, "look again, then repeat: the state moved on"},
    [TAMIS_DUPLICATE] = {EXIT_CODE_CONFLICT, ""},
    [TAMIS_TOO_LARGE] = {EXIT_CODE_FAILED, ""},
    [TAMIS_BAD_EXAMPLES] = {EXIT_CODE_FAILED, ""},
    [TAMIS_RATE_LIMITED] = {EXIT_CODE_FAILED, "wait a little and repeat"},
    [TAMIS_DISK_FULL] = {EXIT_CODE_FAILED, "make room where the server keeps its state"},
    [TAMIS_BAD_OFFSET] = {EXIT_CODE_FAILED, "repeat the command: it takes up where it stopped"},
    [TAMIS_TRUNCATED] = {EXIT_CODE_FAILED, "repeat the command: it takes up where it stopped"},
    [TAMIS_DIGEST_MISMATCH] = {EXIT_CODE_FAILED, "repeat; if it stays, the bytes are damaged"},
    [TAMIS_TOO_SLOW] = {EXIT_CODE_FAILED, "repeat the command: it takes up where it stopped"},
    [TAMIS_WRONG_LAYOUT] = {EXIT_CODE_FAILED, "a model is a safetensors file of float32 tensors"},
    [TAMIS_NOT_FINITE] = {EXIT_CODE_THRESHOLD, ""},
    [TAMIS_NORM_TOO_LARGE] = {EXIT_CODE_FAILED, ""},
    [TAMIS_QUORUM_NOT_MET] = {EXIT_CODE_PENDING, ""},
    [TAMIS_RULE_NOT_FEASIBLE] = {EXIT_CODE_THRESHOLD, ""},
    [TAMIS_UNAVAILABLE] = {EXIT_CODE_UNREACHABLE, "is tamisd running? tamisd --config tamisd.yaml"},
    [TAMIS_TIMED_OUT] = {EXIT_CODE_TIMED_OUT, "give it longer: --timeout 120s"},
    [TAMIS_BAD_CONFIG] = {EXIT_CODE_USAGE, ""},
    [TAMIS_BAD_PROOF] = {EXIT_CODE_FAILED, LOG_BROKEN},
    [TAMIS_FORK] = {EXIT_CODE_FAILED, LOG_BROKEN},
    [TAMIS_CORRUPT] = {EXIT_CODE_FAILED, LOG_BROKEN},
    [TAMIS_IO] = {EXIT_CODE_FAILED, ""},
    [TAMIS_NO_MEMORY] = {EXIT_CODE_FAILED, ""},
    [TAMIS_CANCELLED] = {EXIT_CODE_INTERRUPTED, ""},
    [TAMIS_INTERNAL] = {EXIT_CODE_FAILED, SERVER_SIDE},
};

static const struct exit_code_row meaning[] = {
    {EXIT_CODE_OK, "done"},
    {EXIT_CODE_FAILED, "it failed; the log does not verify"},
    {EXIT_CODE_USAGE, "the command line or a value in it is wrong"},
    {EXIT_CODE_TIMED_OUT, "no answer, or nothing new, within the time given"},
    {EXIT_CODE_AUTH, "this key may not do that, or the server is not the pinned one"},
    {EXIT_CODE_NOT_FOUND, "no such federation, client, round or model"},
    {EXIT_CODE_CONFLICT, "the state moved on, or it is already so"},
    {EXIT_CODE_UNREACHABLE, "the server is out of reach"},
    {EXIT_CODE_PENDING, "not yet: too few updates, or another person must sign too"},
    {EXIT_CODE_THRESHOLD, "a check failed: numbers that are not finite, too few for the rule"},
    {EXIT_CODE_INTERRUPTED, "interrupted, or not confirmed"},
};

enum exit_code exit_code_of(enum tamis_status status) {
  return status < TAMIS_STATUS_COUNT ? row[status].code : EXIT_CODE_FAILED;
}

const char *exit_code_hint(enum tamis_status status) {
  return status < TAMIS_STATUS_COUNT && row[status].hint != NULL ? row[status].hint : "";
}

const struct exit_code_row *exit_code_rows(size_t *count) {
  *count = sizeof meaning / sizeof *meaning;
  return meaning;
}
