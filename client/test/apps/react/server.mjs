import { createElement as h } from 'react';
import { renderToString } from 'react-dom/server';
import { App } from './app.mjs';

export const render = async (todos) => renderToString(h(App, { todos }));
