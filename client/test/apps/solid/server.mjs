import { createComponent, renderToString } from 'solid-js/web';
import { App } from './app.mjs';

export const render = async (todos) => renderToString(() => createComponent(App, { todos }));
