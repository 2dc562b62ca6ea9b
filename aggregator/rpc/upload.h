/* Methods that take a blob: Client.Upload, where it is an update, and Operator.PutBlob. */
#ifndef TAMIS_UPLOAD_H
#define TAMIS_UPLOAD_H

#include "aggregator/rpc/service.h"

enum { UPLOAD_METHODS = 2 };

void upload_methods(struct service *service, struct rpc_method methods[UPLOAD_METHODS]);

#endif
