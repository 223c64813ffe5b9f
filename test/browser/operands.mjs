// operands.mjs - what an expression of JavaScript compares, to be looked at one by one.
//
//	operands(`a.length === 3 && isOpen`)	// ['a.length', 'isOpen']
//	operands(`/x/.test(text)`)				// ['text']
//
// Good enough for the conditions of tests: where it takes something for what it is not
// (a bracket in a regular expression) a part says that it cannot be evaluated.
const operators = /^(?:&&|\|\||[!=]==?|[<>]=?(?!=)|\?\?)/;
const question = /^(.*)\.(?:test|includes|startsWith|endsWith|some|every)\((.*)\)$/s;
const isLiteral = (part) => /^(?:[\d.]+|'[^']*'|"[^"]*"|true|false|null|undefined|)$/.test(part);

export function operands(expression) {
	const parts = [''];

	for (let at = 0, depth = 0, quote = ''; at < expression.length; at++) {
		const one = expression[at];
		const isEscaped = expression[at - 1] === '\\';
		const operator = depth === 0 && !quote && expression[at - 1] !== '=' && operators.exec(expression.slice(at))?.[0];

		if (operator) {
			parts.push('');
			at += operator.length - 1;
			continue;
		}
		if (quote)
			quote = one === quote && !isEscaped ? '' : quote;
		else if (`'"\``.includes(one) && !isEscaped)
			quote = one;
		else if ('([{'.includes(one))
			depth++;
		else if (')]}'.includes(one))
			depth--;
		parts[parts.length - 1] += one;
	}
	const found = parts.map((part) => part.trim().replace(/^!+/, '')).flatMap((part) => question.exec(part)?.slice(1) ?? [part]);

	return [...new Set(found)].filter((part) => !isLiteral(part) && !/^\/|^\(?[\w, ]*\)? =>/.test(part) && part !== expression.trim());
}
