#compdef backbone
# Completion of backbone for zsh. Put this into ~/.zshrc, behind compinit:
#   eval "$(backbone completion zsh)"
# Or write it to a file _backbone in a folder of $fpath.
_backbone() {
    local line kind
    local -a values shown
    for line in "${(@f)$(command ${~words[1]} __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
        if [[ -z $kind ]]; then
            kind=$line
        else
            values+=("${line%%$'\t'*}")
            shown+=("${${line%$'\t'}/$'\t'/  }")
        fi
    done
    if [[ $kind == files ]]; then
        compset -P '--*='
        _files
    elif (( $#values )); then
        compadd -l -d shown -a values
    fi
}
if [[ $funcstack[1] == _backbone ]]; then
    _backbone "$@"
else
    compdef _backbone backbone
fi
