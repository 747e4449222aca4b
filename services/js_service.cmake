# Standard services in JavaScript. A folder with package.json and package-lock.json is an npm package,
# which is installed in a copy: ${CMAKE_BINARY_DIR}/js mirrors the checkout, with the library of sdk/js
# built where the packages look for it (@mesg/sdk at file:../../sdk/js).
#
# js_package.cmake does the work at build time, again only for what has changed. npm is silent unless it
# fails.
find_program(NODE node)
find_program(NPM npm)
set(js_services OFF)
if(NOT MESG_JS_SERVICES)
  message(STATUS "MESG_JS_SERVICES is off: services in JavaScript are left out")
elseif(NOT NODE OR NOT NPM)
  message(STATUS "node or npm is missing: services in JavaScript are left out")
else()
  set(js_services ON)
endif()

set(js_copy ${CMAKE_BINARY_DIR}/js)
set(js_sdk ${js_copy}/sdk/js/.built)
set(js_script ${CMAKE_CURRENT_SOURCE_DIR}/js_package.cmake)

# js_files(VARIABLE FOLDER...): what git would hold of them.
function(js_files variable)
  set(all)
  foreach(folder IN LISTS ARGN)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*)
    list(APPEND all ${files})
  endforeach()
  list(FILTER all EXCLUDE REGEX "/(node_modules|dist|dist-test)/")
  set(${variable} ${all} PARENT_SCOPE)
endfunction()

if(js_services)
  js_files(sdk_files sdk/js/src sdk/js/scripts proto/mesg/v1 proto/google)
  foreach(file package.json package-lock.json tsconfig.json)
    list(APPEND sdk_files ${PROJECT_SOURCE_DIR}/sdk/js/${file})
  endforeach()
  add_custom_command(OUTPUT ${js_sdk} DEPENDS ${sdk_files} ${js_script}
    COMMAND ${CMAKE_COMMAND} -D NPM=${NPM} -D SOURCE=${PROJECT_SOURCE_DIR} -D COPY=${js_copy}
      -D PACKAGE=sdk/js -D STAMP=${js_sdk} -P ${js_script}
    COMMENT "Building the JavaScript library" VERBATIM)
  add_custom_target(mesg_js_sdk DEPENDS ${js_sdk})
  # The launchers look beside their folder, here and where they are installed.
  file(MAKE_DIRECTORY ${js_copy}/services ${CMAKE_BINARY_DIR}/libexec/mesg)
  file(CREATE_LINK ${js_copy}/services ${CMAKE_BINARY_DIR}/libexec/mesg/js SYMBOLIC)
endif()

# mesg_js_service(NAME TESTS ... DEPENDS ...): the program mesg-NAME, which runs the package in the
# current folder by its "main"; the test services.NAME.unit of the package's test/*.test.js, and the test
# program service_NAME_test, in C++. DEPENDS is what the latter links.
#
# Tests find the package, with its devDependencies if it has any, in MESG_SERVICE_PACKAGE: a definition
# in C++ and a variable of the environment in JavaScript. What is installed never has them. In C++
# MESG_SERVICE_SOURCE is its folder in the checkout.
function(mesg_js_service name)
  if(NOT js_services)
    return()
  endif()
  cmake_parse_arguments(S "" "" "TESTS;DEPENDS" ${ARGN})
  mesg_available_service(${name})
  set(here ${CMAKE_CURRENT_SOURCE_DIR})
  set(package ${js_copy}/services/${name})
  set(launcher ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/mesg-${name})
  js_files(files services/${name})
  add_custom_command(OUTPUT ${launcher}
    DEPENDS ${files} ${js_sdk} ${js_script} ${PROJECT_SOURCE_DIR}/services/js_launcher.sh.in
    COMMAND ${CMAKE_COMMAND} -D NPM=${NPM} -D SOURCE=${PROJECT_SOURCE_DIR} -D COPY=${js_copy}
      -D PACKAGE=services/${name} -D NAME=${name} -D LAUNCHER=${launcher} -P ${js_script}
    COMMENT "Installing the service ${name}" VERBATIM)
  add_custom_target(mesg-${name} ALL DEPENDS ${launcher})
  add_dependencies(mesg-${name} mesg_js_sdk)
  install(PROGRAMS ${launcher} DESTINATION libexec/mesg/services)
  install(DIRECTORY ${package} DESTINATION libexec/mesg/js USE_SOURCE_PERMISSIONS
    PATTERN test EXCLUDE REGEX "/js/services/${name}/(\\.[^/]*|CMakeLists.txt|[^/]*\\.cc)$" EXCLUDE)

  file(READ ${here}/package.json json)
  string(JSON development ERROR_VARIABLE none GET "${json}" devDependencies)
  set(tested mesg-${name})
  if(NOT none)
    # Beside the library once more, in a mirror of its own.
    set(package ${js_copy}/tested/services/${name})
    set(tested mesg-${name}-tested)
    add_custom_command(OUTPUT ${package}/.tested DEPENDS ${files} ${js_sdk} ${js_script}
      COMMAND ${CMAKE_COMMAND} -D NPM=${NPM} -D SOURCE=${PROJECT_SOURCE_DIR} -D COPY=${js_copy}/tested
        -D SDK=${js_copy}/sdk -D PACKAGE=services/${name} -D STAMP=${package}/.tested -P ${js_script}
      COMMENT "Installing the service ${name} with what its tests need" VERBATIM)
    add_custom_target(${tested} ALL DEPENDS ${package}/.tested)
    add_dependencies(${tested} mesg_js_sdk)
  endif()
  file(GLOB unit CONFIGURE_DEPENDS RELATIVE ${here} test/*.test.js)
  if(unit)
    add_test(NAME services.${name}.unit COMMAND ${NODE} --test ${unit} WORKING_DIRECTORY ${package})
    set_tests_properties(services.${name}.unit PROPERTIES LABELS npm TIMEOUT 300
      ENVIRONMENT MESG_SERVICE_PACKAGE=${package})
  endif()
  if(S_TESTS)
    add_executable(service_${name}_test ${S_TESTS})
    set_target_properties(service_${name}_test PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
    target_compile_definitions(service_${name}_test PRIVATE MESG_SERVICE_PACKAGE="${package}"
      MESG_SERVICE_SOURCE="${here}")
    target_include_directories(service_${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/services)
    add_dependencies(service_${name}_test mesg-${name} ${tested})
    target_link_libraries(service_${name}_test PRIVATE mesg_service_test_support ${S_DEPENDS}
      mesg_warnings GTest::gtest GTest::gmock GTest::gtest_main)
    gtest_discover_tests(service_${name}_test DISCOVERY_MODE PRE_TEST
      TEST_PREFIX "services.${name}." PROPERTIES TIMEOUT 300 LABELS npm)
  endif()
endfunction()
