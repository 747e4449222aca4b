#pragma once

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/check/check.h"
#include "app/convert/read_application.h"

namespace mesg::app {

/// Reads files and performs what comes of them, with tasks that answer what they are told to.
class ConversionTest : public ::testing::Test {
 protected:
  static Value Json(std::string_view json) {
    const auto value = Value::Read(json);
    EXPECT_TRUE(value) << json;
    return value ? *value : Value();
  }

  static std::string TextOf(const std::string& path) {
    const std::ifstream in(path);
    EXPECT_TRUE(in) << path;
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  /// A file of the corpus; in read_application_test.cc, which is told where that is.
  static std::string Sample(const std::string& name);

  ReadApplication Read(std::string_view yaml) {
    auto read = ReadAnyApplication(yaml, "f.yml");
    EXPECT_TRUE(read) << read.error().message;
    return read ? *std::move(read) : ReadApplication();
  }
  static std::string Errors(std::string_view yaml) {
    const auto read = ReadAnyApplication(yaml, "f.yml");
    return read ? "" : read.error().message;
  }
  static std::string Notes(const ReadApplication& read) {
    return fmt::format("{}", fmt::join(read.notes, "\n"));
  }

  /// What a run for an event with that data does, a line each: "alias.task {inputs}", or why it
  /// ends early.
  std::string Run(const ReadApplication& read, std::string_view data) {
    const Workflow& workflow = read.file.workflows.at(0);
    Value::List all(std::size(kVariables));
    scope_ = all;
    data_ = Json(data);
    Set(Variable::kInputs, InputsOf(read.file));
    Set(Variable::kEnv, Json(env_));
    steps_.clear();
    Set(Variable::kSteps, Value::Of(steps_));
    if (workflow.condition && !Holds(*workflow.condition)) return "not started";
    std::string trace;
    for (const Step& step : workflow.steps) {
      if (step.condition && !Holds(*step.condition)) {
        Done(step.id, Value());
        continue;
      }
      if (!trace.empty()) trace += '\n';
      if (const auto* stop = std::get_if<StopStep>(&step.action)) {
        return trace + "stopped: " + Fill(*stop->reason).text();
      }
      const auto& task = std::get<TaskStep>(step.action);
      trace += fmt::format("{}.{} {}", task.task.alias, task.task.key, Fill(task.with).Json());
      Done(step.id, Json(outputs_.contains(step.id) ? outputs_.at(step.id) : "{}"));
    }
    return trace;
  }

  bool Holds(const PlacedExpression& placed) {
    EXPECT_FALSE(placed.expression.NeedsHelper());
    const auto value = placed.expression.Evaluate(data_, scope_);
    EXPECT_TRUE(value) << value.error().message;
    return value && value->kind() == Value::Kind::kBoolean && value->boolean();
  }

  std::string inputs_ = "{}";  ///< Given beside the defaults.
  std::string env_ = "{}";
  std::map<std::string, std::string> outputs_;  ///< Of the steps, by id.
  Value data_;
  Value::List scope_ = Value::List(std::size(kVariables));

 private:
  void Set(Variable variable, Value value) {
    scope_[static_cast<std::size_t>(variable)] = std::move(value);
  }
  void Done(const std::string& id, Value value) {
    steps_.emplace_back(id, std::move(value));
    Set(Variable::kSteps, Value::Of(steps_));
  }
  Value InputsOf(const ApplicationFile& file) {
    std::vector<Value::Member> members;
    for (const Input& input : file.inputs) {
      if (input.otherwise) members.emplace_back(input.parameter.key, *input.otherwise);
    }
    const Value given = Json(inputs_);
    for (const Value::Member& member : given.object().Members()) members.push_back(member);
    return Value::Of(std::move(members));
  }
  Value Fill(const Template& text) {
    std::vector<Value> values;
    for (const Expression& expression : text.Expressions()) {
      const auto value = expression.Evaluate(data_, scope_);
      values.push_back(value ? *value : Value::Text("failed: " + value.error().message));
    }
    return text.Fill(values);
  }
  Value Fill(const Mapping& mapping) {
    switch (mapping.kind) {
      case Mapping::Kind::kLiteral:
        return mapping.literal;
      case Mapping::Kind::kTemplate:
        return Fill(mapping.text.front());
      case Mapping::Kind::kList: {
        Value::List items;
        for (const Mapping& item : mapping.items) items.push_back(Fill(item));
        return Value::Of(std::move(items));
      }
      case Mapping::Kind::kObject: {
        std::vector<Value::Member> members;
        for (std::size_t i = 0; i < mapping.keys.size(); ++i) {
          members.emplace_back(mapping.keys[i], Fill(mapping.items[i]));
        }
        return Value::Of(std::move(members));
      }
    }
    return {};
  }

  std::vector<Value::Member> steps_;
};

}  // namespace mesg::app
