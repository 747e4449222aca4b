#include "model/contract_reader.h"

// The keys of events, tasks and parameters, one row each: what readers accept and what the
// references list.

namespace mesg {

using R = ContractReader;

template <>
const std::vector<R::Field<EventDefinition>>& R::Fields() {
  using E = EventDefinition;
  static const std::vector<Field<E>> fields = {
      {"name", "text", "What people call it.", &R::ReadTextField<E, &E::name>},
      {"description", "text", "When it happens.", &R::ReadTextField<E, &E::description>},
      {"data", "mapping of parameters", "What it carries.", &R::ReadEventData},
      {"additional", "true or false", "Whether data may hold undeclared fields (true).",
       &R::ReadEventAdditional},
      {"fees", "anything", "Planned in 2018, never used.", nullptr},
  };
  return fields;
}

template <>
const std::vector<R::Field<TaskDefinition>>& R::Fields() {
  using T = TaskDefinition;
  static const std::vector<Field<T>> fields = {
      {"name", "text", "What people call it.", &R::ReadTextField<T, &T::name>},
      {"description", "text", "What it does.", &R::ReadTextField<T, &T::description>},
      {"inputs", "mapping of parameters", "What it needs.", &R::ReadTaskInputs},
      {"outputs", "mapping of parameters or of named outputs", "What it gives.",
       &R::ReadTaskOutputs},
      {"additional", "true, false or {inputs, outputs}",
       "Whether inputs and the one output set may hold undeclared fields (true).",
       &R::ReadTaskAdditionalLater},
      {"timeout", "duration", "How long one attempt may take.", &R::ReadTimeField<T, &T::timeout>},
      {"retry", "mapping", "How failed attempts are repeated.", &R::ReadTaskRetry},
      {"effect", "none, idempotent or once", "What performing it twice would do (idempotent).",
       &R::ReadTaskEffect},
      {"verifiable", "anything", "Planned in 2018, never used.", nullptr},
      {"payable", "anything", "Planned in 2018, never used.", nullptr},
      {"fees", "anything", "Planned in 2018, never used.", nullptr},
      {"secrets", "anything", "Planned in 2018, never used.", nullptr},
      {"price", "anything", "MESG 0.26 only.", nullptr},
  };
  return fields;
}

template <>
const std::vector<R::Field<OutputDefinition>>& R::Fields() {
  using O = OutputDefinition;
  static const std::vector<Field<O>> fields = {
      {"name", "text", "What people call it.", &R::ReadTextField<O, &O::name>},
      {"description", "text", "When it is given.", &R::ReadTextField<O, &O::description>},
      {"data", "mapping of parameters", "What it carries.", &R::ReadOutputData},
      {"additional", "true or false", "Whether data may hold undeclared fields (true).",
       &R::ReadOutputAdditional},
      {"fees", "anything", "Planned in 2018, never used.", nullptr},
  };
  return fields;
}

template <>
const std::vector<R::Field<Parameter>>& R::Fields() {
  using P = Parameter;
  static const std::vector<Field<P>> fields = {
      {"name", "text", "What people call it.", &R::ReadTextField<P, &P::name>},
      {"description", "text", "What it means.", &R::ReadTextField<P, &P::description>},
      {"type", "String, Number, Boolean, Object or Any", "The type of the value.",
       &R::ReadParameterType},
      {"schema", "JSON Schema", "Rules for the value, instead of `type`.", &R::ReadParameterSchema},
      {"optional", "true or false", "Missing and null are allowed (false).",
       &R::ReadParameterOptional},
      {"repeated", "true or false", "A list of such values (false).", &R::ReadParameterRepeated},
      {"object", "mapping of parameters", "What is inside an Object.", &R::ReadParameterObject},
      {"additional", "true or false", "Whether an Object may hold undeclared fields (true).",
       &R::ReadParameterAdditional},
  };
  return fields;
}

template <>
const std::vector<R::Field<RetryPolicy>>& R::Fields() {
  static const std::vector<Field<RetryPolicy>> fields = {
      {"attempts", "1 to 1000", "All in all, the first one included (3).", &R::ReadRetryAttempts},
      {"initial", "duration", "The pause before the second attempt (1s).", &R::ReadRetryInitial},
      {"factor", "1 to 1000", "Each pause is the last one times this (2).", &R::ReadRetryFactor},
      {"max", "duration", "The longest pause (1m).", &R::ReadRetryMax},
      {"jitter", "0 to 1", "Up to this part of a pause is taken off at random (0.2).",
       &R::ReadRetryJitter},
  };
  return fields;
}

}  // namespace mesg
