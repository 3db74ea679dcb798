/** A script cut where `psql -f` cuts it: each piece is committed before the next one is sent. Knows comments, strings and `$$`. */
export function sqlStatements(script: string): readonly string[] {
  return script.match(/(?:--.*|\$\$[^]*?\$\$|'[^']*'|[^;])+;/g) ?? [];
}
