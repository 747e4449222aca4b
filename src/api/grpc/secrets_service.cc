#include "api/grpc/secrets_service.h"

#include <utility>

#include "api/grpc/unary.h"
#include "mesg/v1/secrets.grpc.pb.h"
#include "store/secrets/secret_store.h"

namespace mesg::api {
namespace {

using Call = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

void ToWire(const store::SecretInfo& secret, v1::Secret& wire) {
  wire.set_name(secret.name);
  wire.set_created_us(ToMicros(secret.created));
  wire.set_updated_us(ToMicros(secret.updated));
}

class SecretsService final : public v1::Secrets::CallbackService {
 public:
  explicit SecretsService(ContextPtr context)
      : context_(std::move(context)), secrets_(*context_->core.secrets) {}

  Reactor* Set(Call* call, const v1::SetSecretRequest* request,
               v1::SetSecretResponse* response) override {
    return FinishLater(*context_, *call, [this, request, response]() -> Result<void> {
      const auto outcome = MESG_TRY(secrets_.Set(request->name(), request->value()));
      ToWire(outcome.secret, *response->mutable_secret());
      response->set_created(outcome.created);
      return {};
    });
  }

  Reactor* List(Call* call, const v1::ListSecretsRequest*,
                v1::ListSecretsResponse* response) override {
    return FinishLater(*context_, *call, [this, response]() -> Result<void> {
      for (const store::SecretInfo& secret : secrets_.List()) {
        ToWire(secret, *response->add_secrets());
      }
      return {};
    });
  }

  Reactor* Remove(Call* call, const v1::RemoveSecretRequest* request,
                  v1::RemoveSecretResponse*) override {
    return FinishLater(*context_, *call,
                       [this, request] { return secrets_.Remove(request->name()); });
  }

 private:
  const ContextPtr context_;
  store::SecretStore& secrets_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeSecretsService(ContextPtr context) {
  return std::make_unique<SecretsService>(std::move(context));
}

}  // namespace mesg::api
