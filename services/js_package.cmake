# Installs one npm PACKAGE of the checkout SOURCE, sdk/js or services/NAME, in COPY/PACKAGE, where the
# folders lie as in the checkout. Dependencies are installed again only when what decides them changed:
# the lock file and, for a service, the library.
#
#   NPM       the program
#   LAUNCHER  the program to make, which starts the service NAME: only what runs it is installed
#   STAMP     the file to make instead: its devDependencies are installed too, as a library or a test
#             needs them
#   SDK       the folder with the built library, when it lies in another copy
set(to ${COPY}/${PACKAGE})
set(from ${SOURCE}/${PACKAGE})
set(made node_modules dist dist-test .installed .built .tested)

# copy(FROM TO): the copy has what the original has, and what is made in it stays.
function(copy from to)
  file(GLOB old RELATIVE ${to} ${to}/* ${to}/.*)
  list(REMOVE_ITEM old . .. ${made})
  foreach(entry IN LISTS old)
    file(REMOVE_RECURSE ${to}/${entry})
  endforeach()
  file(GLOB new RELATIVE ${from} ${from}/* ${from}/.*)
  list(REMOVE_ITEM new . .. ${made})
  foreach(entry IN LISTS new)
    file(COPY ${from}/${entry} DESTINATION ${to})
  endforeach()
endfunction()

function(npm)
  execute_process(COMMAND ${NPM} ${ARGN} WORKING_DIRECTORY ${to}
    RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(result)
    list(JOIN ARGN " " arguments)
    message(FATAL_ERROR "npm ${arguments} failed in ${PACKAGE}:\n${said}")
  endif()
endfunction()

copy(${from} ${to})
set(arguments ci --prefer-offline --no-audit --no-fund)
file(SHA256 ${to}/package-lock.json wanted)
if(PACKAGE STREQUAL sdk/js)
  copy(${SOURCE}/proto ${COPY}/proto)
else()
  if(NOT SDK)
    set(SDK ${COPY}/sdk)
  else()
    file(MAKE_DIRECTORY ${COPY})
    file(CREATE_LINK ${SDK} ${COPY}/sdk SYMBOLIC)
  endif()
  file(READ ${SDK}/js/.built library)
  string(APPEND wanted " ${library}")
  if(LAUNCHER)
    list(APPEND arguments --omit=dev)
  endif()
endif()

set(installed "")
if(EXISTS ${to}/.installed)
  file(READ ${to}/.installed installed)
endif()
if(NOT installed STREQUAL wanted OR NOT EXISTS ${to}/node_modules)
  file(REMOVE ${to}/.installed)
  npm(${arguments})
  file(WRITE ${to}/.installed "${wanted}")
endif()

if(LAUNCHER)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/js_launcher.sh.in ${LAUNCHER} @ONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
      WORLD_EXECUTE)
  file(TOUCH ${LAUNCHER})
elseif(PACKAGE STREQUAL sdk/js)
  file(REMOVE_RECURSE ${to}/dist)
  npm(run build)
  # What it was built from, so that it is known when the packages need it again.
  file(GLOB_RECURSE files ${to}/dist/*)
  list(SORT files)
  set(hashes "")
  foreach(file IN LISTS files)
    file(SHA256 ${file} hash)
    string(APPEND hashes ${hash})
  endforeach()
  string(SHA256 built "${hashes}${wanted}")
  file(WRITE ${STAMP} ${built})
else()
  file(TOUCH ${STAMP})
endif()
