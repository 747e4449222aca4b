#pragma once

#include <string>

#include "mesg/v1/services.pb.h"

namespace mesg::cli {

/// A README.md of a service: what it emits and offers, with every parameter, from its definition.
std::string ServiceDocs(const ::mesg::v1::Definition& definition);

}  // namespace mesg::cli
