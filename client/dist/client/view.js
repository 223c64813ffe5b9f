/* realtime-client 0.1.0 client/view.js */
import{combine as u,empty as c}from"../client.js";function x(t,{loading:d,ready:e,error:o}){let s=u(t,t.error??c,t.status??c,(n,i,f)=>({value:n,problem:i,status:f})),r;return s.subscribe(({value:n,problem:i,status:f})=>{n!==void 0?e?.(n,{status:f,error:i??null}):i||d?.(),i&&i!==r&&o?.(i,n),r=i})}export{x as bindView};
