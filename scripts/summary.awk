# Adds up what test runners say: cargo's "test result:" lines and pytest's last line.
# Prints "PASSED FAILED".

/^test result: / {
    for (i = 1; i < NF; i++) {
        if ($(i + 1) ~ /^passed;?$/) passed += $i
        if ($(i + 1) ~ /^failed;?$/) failed += $i
    }
}

# pytest: "==== 3 failed, 12 passed, 1 error in 4.20s ====", or the same without the rulers.
/^(=+ )?[0-9]+ (passed|failed|error|errors|skipped|deselected|xfailed|warning|warnings)[, ].*in [0-9.]+s/ {
    gsub(/[=,]/, " ")
    for (i = 1; i < NF; i++) {
        if ($(i + 1) == "passed") passed += $i
        if ($(i + 1) ~ /^(failed|error|errors)$/) failed += $i
    }
}

END { print passed + 0, failed + 0 }
