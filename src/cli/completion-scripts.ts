/** The shells that completion scripts exist for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/**
 * The scripts know nothing of commands and flags: they ask `shale __complete WORD …`, which answers with lines of
 * value, tab, description, or with `:files`.
 */
export const COMPLETION_SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  bash: `# bash completion for shale
_shale() {
  local typed=\${COMP_LINE:0:COMP_POINT} words line trim= IFS=$' \\t\\n'
  read -ra words <<<"$typed"
  [[ $typed == *[[:space:]] ]] && words+=('')
  local current=\${words[-1]}
  # Bash takes : and = for ends of words, so only what follows them is replaced.
  [[ $current == *[:=]* ]] && trim=\${current%"\${current##*[:=]}"}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${current#"$trim"}")
      return
    fi
    line=\${line%%$'\\t'*}
    COMPREPLY+=("\${line#"$trim"}")
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
}
complete -F _shale shale
`,
  zsh: `#compdef shale
_shale() {
  local line value
  local -a lines items
  lines=("\${(@f)$(\${words[1]} __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ $lines[1] == ':files' ]]; then _files; return; fi
  for line in $lines; do
    [[ -z $line ]] && continue
    value=\${line%%$'\\t'*}
    items+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -V shale items
}
compdef _shale shale
`,
  fish: `# fish completion for shale
function __shale_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] 2>/dev/null)
    if test "$lines[1]" = ':files'
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $lines
    end
end
complete -c shale -f -a '(__shale_complete)'
`,
};
