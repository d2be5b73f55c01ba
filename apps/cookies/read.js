// What the npm package cookie reads, which Express uses. usage: read.js PACKAGE
'use strict';

const { parse } = require(process.argv[2]);
const hex = (text) => Buffer.from(text, 'utf8').toString('hex');

let answer = '';
for (const line of require('node:fs').readFileSync(0, 'latin1').split('\n')) {
  if (line === '') continue;
  const [want, header] = line.split(' ').map((field) => Buffer.from(field.slice(1), 'hex').toString('latin1'));
  const name = want.replace(/\*+$/, '');
  const found = Object.entries(parse(header)).filter(([k]) => k === name || want.endsWith('*') && k.startsWith(name));
  answer += found.map(([k, v]) => hex(k) + '=' + hex(v)).join(' ') + '\n';
}
require('node:fs').writeFileSync(1, answer);
