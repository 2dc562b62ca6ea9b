/* The functions that the rows of command.c name, one file a noun. */
#ifndef TAMIS_CLI_COMMAND_RUN_H
#define TAMIS_CLI_COMMAND_RUN_H

#include "cli/arguments.h"
#include "cli/context.h"

enum tamis_status init_run(struct context *context, const struct arguments *arguments);

enum tamis_status federation_create(struct context *context, const struct arguments *arguments);
enum tamis_status federation_list(struct context *context, const struct arguments *arguments);
enum tamis_status federation_retain(struct context *context, const struct arguments *arguments);
enum tamis_status federation_show(struct context *context, const struct arguments *arguments);

enum tamis_status feed_show(struct context *context, const struct arguments *arguments);
enum tamis_status feed_set(struct context *context, const struct arguments *arguments);
enum tamis_status feed_add(struct context *context, const struct arguments *arguments);
enum tamis_status feed_withdraw(struct context *context, const struct arguments *arguments);

enum tamis_status policy_show(struct context *context, const struct arguments *arguments);
enum tamis_status policy_history(struct context *context, const struct arguments *arguments);
enum tamis_status policy_lint_run(struct context *context, const struct arguments *arguments);
enum tamis_status policy_dry_run(struct context *context, const struct arguments *arguments);
enum tamis_status policy_set(struct context *context, const struct arguments *arguments);

enum tamis_status client_invite(struct context *context, const struct arguments *arguments);
enum tamis_status client_list(struct context *context, const struct arguments *arguments);
enum tamis_status client_invitations(struct context *context, const struct arguments *arguments);
enum tamis_status client_show(struct context *context, const struct arguments *arguments);
enum tamis_status client_exclude(struct context *context, const struct arguments *arguments);
enum tamis_status client_reinstate(struct context *context, const struct arguments *arguments);
enum tamis_status client_revoke(struct context *context, const struct arguments *arguments);
enum tamis_status client_dispute(struct context *context, const struct arguments *arguments);
enum tamis_status client_rounds(struct context *context, const struct arguments *arguments);

enum tamis_status review_list(struct context *context, const struct arguments *arguments);
enum tamis_status review_agreement(struct context *context, const struct arguments *arguments);
enum tamis_status review_show(struct context *context, const struct arguments *arguments);
enum tamis_status review_release(struct context *context, const struct arguments *arguments);
enum tamis_status review_reject(struct context *context, const struct arguments *arguments);
enum tamis_status review_exclude(struct context *context, const struct arguments *arguments);

enum tamis_status round_list(struct context *context, const struct arguments *arguments);
enum tamis_status round_show(struct context *context, const struct arguments *arguments);
enum tamis_status slis_run(struct context *context, const struct arguments *arguments);
enum tamis_status shadow_list(struct context *context, const struct arguments *arguments);
/* Below a round's updates, when there are shadows and a person reads. */
enum tamis_status shadow_print(struct context *context, const char *const *federation_round);

enum tamis_status model_history(struct context *context, const struct arguments *arguments);
enum tamis_status model_get(struct context *context, const struct arguments *arguments);
enum tamis_status model_lineage(struct context *context, const struct arguments *arguments);
enum tamis_status model_diff(struct context *context, const struct arguments *arguments);

enum tamis_status evaluate_run(struct context *context, const struct arguments *arguments);
enum tamis_status gate_approve(struct context *context, const struct arguments *arguments);
enum tamis_status gate_reject(struct context *context, const struct arguments *arguments);
enum tamis_status gate_list(struct context *context, const struct arguments *arguments);
enum tamis_status gate_freeze(struct context *context, const struct arguments *arguments);
enum tamis_status gate_unfreeze(struct context *context, const struct arguments *arguments);

enum tamis_status undo_rollback_run(struct context *context, const struct arguments *arguments);
enum tamis_status undo_rebuild_run(struct context *context, const struct arguments *arguments);

enum tamis_status bundle_of_round(struct context *context, const struct arguments *arguments);
enum tamis_status bundle_of_client(struct context *context, const struct arguments *arguments);
enum tamis_status bundle_of_model(struct context *context, const struct arguments *arguments);

enum tamis_status space_run(struct context *context, const struct arguments *arguments);

enum tamis_status verify_run(struct context *context, const struct arguments *arguments);

enum tamis_status audit_command(struct context *context, const struct arguments *arguments);

enum tamis_status replay_run(struct context *context, const struct arguments *arguments);
enum tamis_status blame_run(struct context *context, const struct arguments *arguments);
enum tamis_status bisect_run(struct context *context, const struct arguments *arguments);

enum tamis_status aggregate_run(struct context *context, const struct arguments *arguments);

enum tamis_status log_show(struct context *context, const struct arguments *arguments);
enum tamis_status log_fork(struct context *context, const struct arguments *arguments);
enum tamis_status log_policy(struct context *context, const struct arguments *arguments);
enum tamis_status log_watch(struct context *context, const struct arguments *arguments);
enum tamis_status log_export(struct context *context, const struct arguments *arguments);
enum tamis_status log_serve(struct context *context, const struct arguments *arguments);
enum tamis_status log_rebuild_index(struct context *context, const struct arguments *arguments);

enum tamis_status role_list(struct context *context, const struct arguments *arguments);
enum tamis_status role_grant(struct context *context, const struct arguments *arguments);
enum tamis_status role_revoke(struct context *context, const struct arguments *arguments);
enum tamis_status role_separate(struct context *context, const struct arguments *arguments);
enum tamis_status proposals_run(struct context *context, const struct arguments *arguments);
enum tamis_status cosign_run(struct context *context, const struct arguments *arguments);

enum tamis_status ping_run(struct context *context, const struct arguments *arguments);

enum tamis_status help_run(struct context *context, const struct arguments *arguments);
enum tamis_status completion_run(struct context *context, const struct arguments *arguments);

#endif
