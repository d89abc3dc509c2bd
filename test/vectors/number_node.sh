#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A million doubles and the corner cases, printed by nz and by Node's JSON.stringify.
# usage: number_node.sh NUMBER_PRINT [COUNT]
set -eu

print=$1
count=${2:-1000000}

if ! command -v node >/dev/null 2>&1; then
	echo "skipped: no node"
	exit 77
fi

"$print" "$count" | node -e '
const view = new DataView(new ArrayBuffer(8));
let rest = "", lines = 0, wrong = 0;
function check(line) {
	view.setUint32(0, parseInt(line.slice(0, 8), 16));
	view.setUint32(4, parseInt(line.slice(8, 16), 16));
	const expected = JSON.stringify(view.getFloat64(0));
	lines++;
	if (line.slice(17) !== expected && wrong++ < 10)
		console.log(`${line.slice(0, 16)}: ${line.slice(17)} instead of ${expected}`);
}
process.stdin.setEncoding("latin1");
process.stdin.on("data", (text) => {
	const parts = (rest + text).split("\n");
	rest = parts.pop();
	parts.forEach(check);
});
process.stdin.on("end", () => {
	console.log(`${lines} doubles, ${wrong} wrong`);
	// Some of the random patterns are NaN or infinite, and are left out.
	process.exit(wrong === 0 && rest === "" && lines > Number(process.argv[1]) * 0.99 ? 0 : 1);
});
' "$count"
