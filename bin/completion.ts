/**
 * Completion of command lines in bash and zsh: scripts made of the declarations of the commands, in the classic
 * spelling. The shells complete commands, then options behind a hyphen, else what an operand may be.
 *
 * Invariant: a script starts no program. It knows what was declared when it was made.
 */
import {
  classicOptionsOf,
  longOptionsOf,
  type CommandDeclaration,
  type LongOption,
  type OperandDeclaration,
} from './declaration.js';

export type Shell = 'bash' | 'zsh';

/** Words that an operand may be, by its name, where its declaration cannot have them. */
export type OperandWords = Readonly<Record<string, readonly string[]>>;

/** The script that a shell reads to complete the command lines of `butil`. */
export function completionScript(
  shell: Shell,
  commands: readonly CommandDeclaration[],
  words: OperandWords = {},
): string {
  const [template, caseOf] = shell === 'bash' ? [BASH, bashCase] : [ZSH, zshCase];
  const parts: Readonly<Record<string, string>> = {
    COMMANDS: commands.map(({ name }) => `-${name}`).join(' '),
    DESCRIBED: commands
      .map(
        ({ name, summary }) => `      ${quoted(`-${name}`)} ${quoted(`-${name}  ${summary}`)} \\`,
      )
      .join('\n')
      .replace(/ \\$/, ''),
    CASES: commands.map((command) => caseOf(command, words)).join('\n'),
  };
  return template.replaceAll(/%(\w+)%/g, (whole, name: string) => parts[name] ?? whole).trim();
}

/** In single quotation marks, for both shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What may stand behind a command: assignments to the variables of the script. */
interface Allowed {
  readonly operands: readonly string[];
  readonly isRepeated: boolean;
  /** Options that are words by themselves. */
  readonly plain: readonly string[];
  /** Options to which a value is glued. */
  readonly glued: readonly string[];
  /** New options with a value, and what that may be. */
  readonly values: readonly (readonly [string, string])[];
}

function allowedBehind(command: CommandDeclaration, words: OperandWords): Allowed {
  const classic = classicOptionsOf(command);
  const named = (isGlued: boolean): string[] =>
    classic.filter(({ value }) => (value !== 'none') === isGlued).map(({ name }) => `-${name}`);
  const long = longOptionsOf(command);
  return {
    operands: command.operands.map((operand) =>
      [specificationOf(operand), ...(words[operand.name] ?? [])].join(','),
    ),
    isRepeated: command.operands.at(-1)?.isRepeated === true,
    plain: [...named(false), ...long.map(({ name }) => `--${name}`)],
    glued: named(true),
    values: long
      .filter(({ value }) => value !== undefined)
      .map((option) => [`--${option.name}`, valueOf(option)] as const),
  };
}

function bashCase(command: CommandDeclaration, words: OperandWords): string {
  const { operands, isRepeated, plain, glued, values } = allowedBehind(command, words);
  const pairs = values.map(([name, value]) => `${name}=${value}`);
  return branch(command, [
    `operands=(${operands.map(quoted).join(' ')})`,
    `options='${[...glued.map((name) => `${name}+`), ...plain].join(' ')}'`,
    `values=${quoted(pairs.join(' '))}`,
    ...(isRepeated ? ['repeated=1'] : []),
  ]);
}

function zshCase(command: CommandDeclaration, words: OperandWords): string {
  const { operands, isRepeated, plain, glued, values } = allowedBehind(command, words);
  return branch(command, [
    `operands=(${operands.map((each) => quoted(each.replaceAll(',', ' '))).join(' ')})`,
    `options=(${plain.join(' ')})`,
    `glued=(${glued.join(' ')})`,
    `values=(${values.map((pair) => pair.map(quoted).join(' ')).join(' ')})`,
    ...(isRepeated ? ['repeated=1'] : []),
  ]);
}

function branch({ name }: CommandDeclaration, rows: readonly string[]): string {
  return `    -${name})\n      ${rows.join('\n      ')} ;;`;
}

/**
 * First which paths: `file`, `directory`, `list` (a file, or `@` and a list of them), `file-after-y` (if the
 * operand before it is Y), `none`. Behind it, with commas, the words that may stand there.
 */
function specificationOf({ name, kind }: OperandDeclaration): string {
  const parts = name.split('|');
  // Capitals are words to be typed; in a choice of words so are small letters.
  const typed = kind === 'word' && parts.length > 1 ? /^(?:[A-Z]+|[a-z-]+)$/ : /^[A-Z]+$/;
  return [placeOf(name, kind), ...parts.filter((part) => typed.test(part))].join(',');
}

function placeOf(name: string, kind: OperandDeclaration['kind']): string {
  if (kind === 'word') return 'none';
  if (kind === 'path-after-y') return 'file-after-y';
  if (name === 'directory') return 'directory';
  return name.includes('@listFile') ? 'list' : 'file';
}

function valueOf({ value = '', choices = [] }: LongOption): string {
  const place = value === 'directory' ? 'directory' : /^file\b/.test(value) ? 'file' : 'none';
  return [place, ...choices].join(',');
}

const BASH = `
# Completion of butil for bash. In ~/.bashrc:
#     source <(butil -completion bash)

# Adds those of the words $2 ... that begin as the word at the cursor does, each behind $1.
_butil_words() {
  local prefix=$1 each
  shift
  for each in "$@"; do
    [[ $prefix$each == "$current"* ]] && COMPREPLY+=("$prefix$each")
  done
}

# Adds files (-f) or directories (-d), each behind $1.
_butil_paths() {
  local each
  compopt -o filenames 2>/dev/null
  while IFS= read -r each; do COMPREPLY+=("$1$each"); done < <(compgen "$2" -- "\${current#"$1"}")
}

# Adds what a specification allows: what it begins with says which paths, then come words.
_butil_allowed() {
  local prefix=$1 place=\${2%%,*} IFS=,
  _butil_words "$prefix" \${2#"$place"}
  IFS=$' \\t\\n'
  case $place in
    list) if [[ $current == @* ]]; then _butil_paths @ -f; else _butil_paths '' -f; fi ;;
    file) _butil_paths "$prefix" -f ;;
    directory) _butil_paths "$prefix" -d ;;
  esac
}

# What an option that takes a value has before the cursor. Returns 1 if there is none.
_butil_value() {
  local each last=\${words[\${#words[@]}-2]}
  for each in $values; do
    if [[ $last == "\${each%%=*}" ]]; then
      _butil_allowed '' "\${each#*=}"
    elif [[ $current == "\${each%%=*}="* ]]; then
      _butil_allowed "\${each%%=*}=" "\${each#*=}"
    else
      continue
    fi
    return 0
  done
  return 1
}

_butil_operand() {
  local each last='' count=0 index
  for (( index = 2; index < \${#words[@]} - 1; index++ )); do
    each=\${words[index]}
    if [[ $each == --* ]]; then
      [[ " $values" == *" $each="* ]] && (( index++ ))
    elif [[ $each != -* || $each =~ ^-[0-9]+$ ]]; then
      (( ++count ))
      last=$each
    fi
  done
  [[ -n $repeated && $count -ge \${#operands[@]} ]] && count=$(( \${#operands[@]} - 1 ))
  each=\${operands[count]:-none}
  if [[ $each == file-after-y* ]]; then
    [[ $last == y ]] && each=file || each=none
  fi
  _butil_allowed '' "$each"
}

_butil_options() {
  local each
  _butil_words '' \${options//+/}
  # The value of an option such as -O is glued on.
  if (( \${#COMPREPLY[@]} == 1 )) && [[ " $options " == *" \${COMPREPLY[0]}+ "* ]]; then
    compopt -o nospace 2>/dev/null
  fi
}

_butil_complete() {
  if (( \${#words[@]} == 2 )); then
    if [[ $current == @* ]]; then _butil_paths @ -f; else _butil_words '' %COMMANDS% --help; fi
    return
  fi
  case \${words[1]} in
%CASES%
  esac
  _butil_value && return
  if [[ $current == -* ]]; then _butil_options; else _butil_operand; fi
}

_butil() {
  local each raw current was index length=0 isGlued=''
  local options='' values='' repeated='' IFS=$' \\t\\n'
  local -a words=() operands=()

  # Bash takes words apart at = : and @. What belongs together is put together again.
  for each in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    if [[ $each =~ ^[=:@]+$ && $each != @* ]] || [[ -n $isGlued ]]; then
      words[\${#words[@]}-1]+=$each
    else
      words+=("$each")
    fi
    [[ $each =~ ^[=:@]+$ ]] && isGlued=1 || isGlued=''
  done
  current=\${words[\${#words[@]}-1]}
  raw=\${COMP_WORDS[COMP_CWORD]}
  [[ $raw =~ ^[=:@]+$ ]] && raw=''
  length=$(( \${#current} - \${#raw} ))
  COMPREPLY=()

  # Either case will do. Words are not to be taken for patterns of files.
  was="$(shopt -p nocasematch); $(shopt -po noglob)"
  shopt -s nocasematch
  set -f
  _butil_complete
  eval "$was"

  # The shell replaces its own last word only.
  for (( index = 0; index < \${#COMPREPLY[@]}; index++ )); do
    COMPREPLY[index]=\${COMPREPLY[index]:length}
  done
}

complete -o default -F _butil butil
`;

const ZSH = `
#compdef butil
# Completion of butil for zsh. Into a file _butil in a directory of $fpath:
#     butil -completion zsh > ~/.zfunc/_butil

# Adds what a specification allows: what it begins with says which paths, then come words.
_butil_allowed() {
  local place=$1
  shift
  (( $# > 0 )) && compadd -M 'm:{a-zA-Z}={A-Za-z}' -- "$@"
  case $place in
    list)
      # A list of files stands behind an @.
      compset -P @
      _files ;;
    file) _files ;;
    directory) _files -/ ;;
  esac
}

_butil_operand() {
  local each last='' place
  local -i count=0 at=3
  while (( at < CURRENT )); do
    each=$words[at]
    if [[ $each == --* ]]; then
      (( \${+values[$each]} )) && (( at++ ))
    elif [[ $each != -* || $each == -<-> ]]; then
      (( count++ ))
      last=$each
    fi
    (( at++ ))
  done
  [[ -n $repeated ]] && (( count >= $#operands )) && (( count = $#operands - 1 ))
  place=\${operands[count + 1]:-none}
  if [[ $place == file-after-y* ]]; then
    [[ \${(L)last} == y ]] && place=file || place=none
  fi
  _butil_allowed \${=place}
}

_butil() {
  local each option repeated=''
  local -a operands options glued
  local -A values

  if (( CURRENT == 2 )); then
    if [[ $words[2] == @* ]]; then
      compset -P @
      _files
      return
    fi
    local -a names shown
    for option each in \\
%DESCRIBED%
    do
      names+=("$option")
      shown+=("$each")
    done
    compadd -M 'm:{a-zA-Z}={A-Za-z}' -l -d shown -a names
    compadd -- --help
    return
  fi

  case \${(L)words[2]} in
%CASES%
    *) return 1 ;;
  esac

  if (( CURRENT > 3 && \${+values[$words[CURRENT-1]]} )); then
    _butil_allowed \${(s:,:)values[$words[CURRENT-1]]}
  elif [[ $words[CURRENT] == --*=* ]]; then
    each=\${words[CURRENT]%%=*}
    compset -P 1 '*='
    _butil_allowed \${(s:,:)values[$each]:-none}
  elif [[ $words[CURRENT] == -* ]]; then
    # The value of an option such as -O is glued on.
    compadd -M 'm:{a-zA-Z}={A-Za-z}' -a options
    compadd -M 'm:{a-zA-Z}={A-Za-z}' -S '' -a glued
  else
    _butil_operand
  fi
}

# Read as a function by compinit, or sourced by a person.
if [[ $funcstack[1] == _butil ]]; then _butil "$@"; else compdef _butil butil; fi
`;
