# Runs uptime.test.js of SOURCE with the PROGRAM: the example in a copy under WORK that uses the library
# built in SDK, so that the checkout stays as it is.
file(REMOVE_RECURSE ${WORK})
file(COPY ${SOURCE}/examples/uptime/index.js ${SOURCE}/examples/uptime/package.json DESTINATION ${WORK})
file(MAKE_DIRECTORY ${WORK}/node_modules/@mesg)
file(CREATE_LINK ${SDK} ${WORK}/node_modules/@mesg/sdk SYMBOLIC)
set(ENV{MESG_PROGRAM} ${PROGRAM})
set(ENV{MESG_SOURCE} ${SOURCE})
set(ENV{UPTIME} ${WORK})
execute_process(COMMAND ${NODE} --test ${SOURCE}/tests/e2e/uptime.test.js RESULT_VARIABLE result)
if(result)
  message(FATAL_ERROR "the test of examples/uptime failed: ${result}")
endif()
