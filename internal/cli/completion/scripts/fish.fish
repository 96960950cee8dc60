# Completion of backbone for fish. Put this into ~/.config/fish/config.fish:
#   backbone completion fish | source
function __backbone_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (command $words[1] __complete fish $words[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = files
        set -l flag (string match -r '^--[^=]*=' -- "$current")
        for path in (__fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current"))
            echo "$flag$path"
        end
    else if test (count $lines) -gt 1
        printf '%s\n' $lines[2..-1]
    end
end
complete -c backbone -f -a '(__backbone_complete)'
