# SPDX-License-Identifier: MIT
#
# Writes LIST: one add_test for every test that PROGRAM names.

execute_process(COMMAND ${PROGRAM} --list OUTPUT_VARIABLE names RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} --list failed: ${status}")
endif()
string(REGEX MATCHALL "[^\n]+" names "${names}")
set(script "")
foreach(name ${names})
    string(APPEND script
        "add_test(${name} \"${PROGRAM}\" ${name})\n"
        "set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)\n")
endforeach()
file(WRITE ${LIST} "${script}")
