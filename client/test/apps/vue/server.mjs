import { createSSRApp } from 'vue';
import { renderToString } from 'vue/server-renderer';
import { App } from './app.mjs';

export const render = (todos) => renderToString(createSSRApp(App, { todos }));
