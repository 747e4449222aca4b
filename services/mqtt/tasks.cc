#include "mqtt/tasks.h"

#include <mosquitto.h>

#include "connector/input.h"
#include "connector/payload.h"
#include "mesg/json.h"
#include "mqtt/client.h"

namespace mesg::services::mqtt {

Result<Outgoing> ReadOutgoing(std::string_view inputs) {
  const Input input = MESG_TRY(Input::Read(inputs));
  Outgoing outgoing;
  outgoing.topic = input["topic"].text;
  if (outgoing.topic.empty() || outgoing.topic.find('\0') != std::string::npos ||
      mosquitto_pub_topic_check(outgoing.topic.c_str()) != MOSQ_ERR_SUCCESS) {
    return InvalidArgument("topic: expected one like a/b without + and #, got \"{}\"",
                           outgoing.topic);
  }
  outgoing.payload = MESG_TRY(PayloadOf(input["payload"], input["base64"].IsTrue()));
  outgoing.qos = static_cast<int>(MESG_TRY(input["qos"].Whole("qos", 1, 0, 2)));
  outgoing.retain = input["retain"].IsTrue();
  return outgoing;
}

Result<sdk::Outputs> Publish(const Config& config, const sdk::Task& task) {
  const auto outgoing = ReadOutgoing(task.inputs());
  if (!outgoing) return sdk::Permanent(outgoing.error());
  const auto client = MESG_TRY(Client::Open(config));
  MESG_TRY(client->Publish(outgoing->topic, outgoing->payload, outgoing->qos, outgoing->retain));
  return sdk::Outputs{.json = sdk::JsonObject().Add("qos", outgoing->qos).Take()};
}

}  // namespace mesg::services::mqtt
