/** `vault completions`: scripts that ask the program itself what may come next. */

import { command } from "./command.ts";
import { Argument } from "@commander-js/extra-typings";
import { printRaw } from "./terminal.ts";

export function completionsCommand() {
  return command("completions", {
    summary: "print a completion script for bash, zsh or fish",
    description:
      "Prints a script for the shell to read. It completes commands, options and the names of volumes and devices.",
    examples: [
      [
        "vault completions bash > ~/.local/share/bash-completion/completions/vault",
        "for bash",
      ],
      [
        "vault completions zsh > /usr/local/share/zsh/site-functions/_vault",
        "for zsh: any folder of $fpath",
      ],
      [
        "vault completions fish > ~/.config/fish/completions/vault.fish",
        "for fish",
      ],
    ],
  })
    .addArgument(
      new Argument("<shell>", "which shell")
        .choices(["bash", "zsh", "fish"] as const),
    )
    .action((shell) => printRaw("stdout", SCRIPTS[shell]));
}

/** What `__complete` prints instead of candidates where a file or a folder is to come. */
export const FILES = ":files";
export const FOLDERS = ":folders";

const BASH = `# bash completion for vault
_vault() {
  local candidate rest
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate rest; do
    case $candidate in
      ${FILES}) compopt -o default; return ;;
      ${FOLDERS}) compopt -o dirnames; return ;;
      *) COMPREPLY+=("$candidate") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _vault vault
`;

const ZSH = `#compdef vault
_vault() {
  local line
  local -a candidates
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      ${FILES}) _files; return ;;
      ${FOLDERS}) _files -/; return ;;
      # A colon in the candidate would end it; the tab after it becomes the colon that does.
      *) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  _describe vault candidates
}
if [ "\${funcstack[1]}" = _vault ]; then
  _vault "$@"
else
  compdef _vault vault
fi
`;

const FISH = `# fish completion for vault
function __vault_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    switch $line
      case '${FILES}'
        __fish_complete_path (commandline -ct)
      case '${FOLDERS}'
        __fish_complete_directories (commandline -ct)
      case '*'
        echo $line
    end
  end
end
complete -c vault -f -a '(__vault_complete)'
`;

const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;
