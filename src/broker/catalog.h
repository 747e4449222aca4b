#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/command.h"
#include "model/data_validator.h"
#include "model/service_definition.h"

namespace mesg::broker {

/// A deployed instance with its contract, ready to check data against. Immutable and shared.
class DeployedInstance {
 public:
  static Result<std::shared_ptr<const DeployedInstance>> Make(
      std::shared_ptr<const engine::Instance> record);

  const engine::Instance& Record() const { return *record_; }
  const SourcePtr& GetSource() const { return record_->source; }
  const std::string& Name() const { return record_->source->name; }
  const ServiceDefinition& Definition() const { return definition_; }

  /// NotFound for an event the service does not declare (with the nearest that it does),
  /// InvalidArgument with violations for data that does not fit.
  Result<void> CheckEvent(std::string_view key, std::string_view data) const;
  Result<const TaskDefinition*> FindTask(std::string_view key) const;
  Result<void> CheckInputs(const TaskDefinition& task, std::string_view inputs) const;
  Result<void> CheckOutputs(std::string_view task, std::string_view output_key,
                            std::string_view outputs) const;

 private:
  explicit DeployedInstance(ServiceDefinition definition) : definition_(std::move(definition)) {}

  std::shared_ptr<const engine::Instance> record_;
  ServiceDefinition definition_;
  std::map<std::string, DataValidator, std::less<>> events_;
  std::map<std::string, DataValidator, std::less<>> inputs_;
  std::map<std::pair<std::string, std::string>, DataValidator, std::less<>>
      outputs_;  // (task, output)
};
using InstancePtr = std::shared_ptr<const DeployedInstance>;

/// What is deployed, as one immutable snapshot; a change makes a new one.
class Catalog {
 public:
  /// By instance name, service sid, service hash or instance hash, in this order; the active one
  /// where several fit. NotFound names the nearest; FailedPrecondition when a sid has several
  /// active instances.
  Result<InstancePtr> Find(std::string_view service) const;
  /// Unauthenticated when no instance has this token.
  Result<InstancePtr> FindByToken(std::string_view token) const;
  /// Exact; null when there is none. Draining ones too.
  InstancePtr FindInstance(std::string_view instance_hash) const;
  std::vector<InstancePtr> Instances() const;

  // Each returns the next snapshot.
  std::shared_ptr<const Catalog> With(InstancePtr instance) const;
  std::shared_ptr<const Catalog> Without(std::string_view instance_hash) const;

 private:
  std::map<std::string, InstancePtr, std::less<>> by_hash_;  // Instance hash.
  std::unordered_map<std::string, InstancePtr> by_token_;
};
using CatalogPtr = std::shared_ptr<const Catalog>;

}  // namespace mesg::broker
