\echo Use "CREATE EXTENSION realtime" to load this file. \quit

