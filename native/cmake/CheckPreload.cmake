# SPDX-License-Identifier: MIT
#
# Fails unless LIBRARY needs only what C libraries since 2.17 have: it is loaded into programs that bring their own. Weak symbols may be missing.

execute_process(COMMAND ${NM} -D --undefined-only ${LIBRARY} OUTPUT_VARIABLE symbols RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "${NM} failed on ${LIBRARY}")
endif()
string(REGEX MATCHALL "U [^ \n]+@GLIBC_[0-9.]+" needed "${symbols}")
foreach(symbol ${needed})
    string(REGEX REPLACE ".*@GLIBC_" "" version "${symbol}")
    if(version VERSION_GREATER 2.17)
        message(FATAL_ERROR "${LIBRARY} needs ${symbol}, which C libraries before it lack")
    endif()
endforeach()
