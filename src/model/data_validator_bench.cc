#include <cstdlib>

#include <benchmark/benchmark.h>

#include "model/data_validator.h"
#include "model/predicate.h"

namespace mesg {
namespace {

Parameter P(std::string key, ParameterType type) { return {.key = std::move(key), .type = type}; }

/// Five fields, one of them an object.
ParameterSet Contract() {
  return {.parameters = {
              P("id", ParameterType::kString),
              P("amount", ParameterType::kNumber),
              P("confirmed", ParameterType::kBoolean),
              {.key = "customer",
               .type = ParameterType::kObject,
               .object = {P("name", ParameterType::kString), P("email", ParameterType::kString),
                          P("age", ParameterType::kNumber)}},
              {.key = "tags", .type = ParameterType::kString, .repeated = true},
          }};
}

/// `size` bytes that fit the contract.
std::string Data(std::size_t size) {
  std::string data =
      R"({"id":"order-0000001","amount":1234567.25,"confirmed":true,"customer":{"name":"Ann Example",)"
      R"("email":"ann@example.org","age":42},"tags":["new","priority","europe"],"note":")";
  if (data.size() + 2 < size) data.append(size - data.size() - 2, 'x');
  return data + "\"}";
}

void Validate(benchmark::State& state) {
  const DataValidator validator = *DataValidator::Compile(Contract());
  const std::string data = Data(static_cast<std::size_t>(state.range(0)));
  while (state.KeepRunning()) {
    if (!validator.Validate(data, "data")) std::abort();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(data.size()));
}
BENCHMARK(Validate)->Arg(256)->Arg(4096)->Arg(65536);

void FindScalar(benchmark::State& state) {
  const JsonPath path = *JsonPath::Parse("customer.email");
  const std::string data = Data(256);
  std::string scalar;
  while (state.KeepRunning()) {
    scalar.clear();
    if (!ScalarAt(data, path, scalar)) std::abort();
  }
}
BENCHMARK(FindScalar);

void MatchNumber(benchmark::State& state) {
  const auto predicate = *Predicate::Make("amount", Predicate::Operator::kGt, "1000");
  const std::string data = Data(256);
  while (state.KeepRunning()) {
    if (!predicate.Matches(data)) std::abort();
  }
}
BENCHMARK(MatchNumber);

}  // namespace
}  // namespace mesg

BENCHMARK_MAIN();
